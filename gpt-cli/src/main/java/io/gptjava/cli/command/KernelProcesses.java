package io.gptjava.cli.command;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.benchmarks.kernels.KernelBenchmark;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult;
import io.gptjava.benchmarks.kernels.KernelProcessResults;
import io.gptjava.benchmarks.kernels.KernelShapes;
import io.gptjava.cli.CliContext;
import io.gptjava.cli.GptVersion;
import io.gptjava.cli.Main;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.train.run.BuildCommit;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Measures in processes of their own, one after another: the JVM compiles the same code differently
 * from one process to the next, which repeated timings within one process do not show.
 */
final class KernelProcesses {
  /** Flags that this process heeds, or that each of its own gives in another way. */
  private static final Set<String> WITH_VALUE =
      Set.of(
          "--processes",
          "--shapes",
          "--precision",
          "--only",
          "--dropout",
          "--time-limit",
          "--csv",
          "--plot",
          "--baseline",
          "--tolerance");

  private static final Set<String> WITHOUT_VALUE = Set.of("--json", "--sweep", "--debug");

  private final CliContext context;
  private final List<String> arguments;
  private final int count;

  /**
   * Processes.
   *
   * @param arguments of this one
   * @param count how many for each measurement
   */
  KernelProcesses(CliContext context, List<String> arguments, int count) {
    this.context = context;
    this.arguments = List.copyOf(arguments);
    this.count = count;
  }

  /**
   * Measures at one shape and precision.
   *
   * @throws GptException with the failure of a process, or {@link Failure#DEVICE} if none starts
   */
  KernelBenchmarkResult run(KernelBenchmark.Settings settings) {
    List<JsonNode> results = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      results.add(start(command(arguments, settings)));
    }
    return KernelProcessResults.combined(
        settings, results, GptVersion.number(), BuildCommit.read());
  }

  /** The arguments of one process: those of this one, at one shape and precision. */
  static List<String> command(List<String> arguments, KernelBenchmark.Settings settings) {
    List<String> words = Words.without(arguments, WITH_VALUE, WITHOUT_VALUE);
    KernelShapes shapes = settings.shapes();
    GptConfig model = shapes.model();
    words.add("--json");
    words.add("--precision=" + settings.precision().name().toLowerCase(Locale.ROOT));
    words.add("--only=" + settings.only().pattern());
    words.add("--dropout=" + model.dropout());
    words.add(
        "--shapes=B=%d,T=%d,C=%d,H=%d,L=%d,V=%d"
            .formatted(
                shapes.batch(),
                shapes.sequence(),
                model.width(),
                model.heads(),
                model.layers(),
                model.vocabularySize()));
    return words;
  }

  private JsonNode start(List<String> words) {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      // The launcher's way to open standard error again, which a process without it has open.
      if (!flag.startsWith("-Dgpt.stderr=") && !flag.startsWith("-agentlib:")) {
        command.add(flag);
      }
    }
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(words);
    ProcessBuilder builder = new ProcessBuilder(command).redirectError(Redirect.DISCARD);
    builder.environment().keySet().removeIf(name -> name.startsWith("GPT_"));
    builder.environment().putAll(context.environment());
    try {
      Process process = builder.start();
      process.getOutputStream().close();
      String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int code = process.waitFor();
      if (code != 0) {
        throw failed("ended with exit code " + code);
      }
      return new ObjectMapper().readTree(out);
    } catch (IOException e) {
      throw failed(e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw failed("was interrupted");
    }
  }

  private static GptException failed(String reason) {
    return new GptException(
        Failure.DEVICE,
        "--processes: one of them %s; see why by running without --processes".formatted(reason));
  }
}
