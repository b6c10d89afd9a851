package io.gptjava.cli.command;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.benchmarks.baseline.KernelBaseline;
import io.gptjava.benchmarks.baseline.KernelComparison;
import io.gptjava.benchmarks.baseline.KernelComparisonReport;
import io.gptjava.benchmarks.kernels.KernelBenchmark;
import io.gptjava.benchmarks.kernels.KernelBenchmarkReport;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult;
import io.gptjava.cli.CliContext;
import io.gptjava.cli.GptVersion;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.TrainConfigs;
import io.gptjava.cli.model.Models;
import io.gptjava.core.Failure;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.run.BuildCommit;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Times single ops. */
@Command(
    name = "kernels",
    abbreviateSynopsis = true,
    description = {
      "Times every op at the shapes of a training step, on random data from memory, and a large copy"
          + " and a large matrix product as the machine's ceilings.",
      "",
      "Shape and batch come from --preset (default: gpt2-124m) and the flags below."
    },
    footer = {
      "",
      "Examples",
      "  gpt bench kernels --backend cuda --precision bf16 --batch-size 64",
      "  gpt bench kernels --preset textbook --backend cpu --only attention",
      "  gpt bench kernels --json > before.json; gpt bench kernels --baseline before.json"
    })
public final class BenchKernelsCommand implements Callable<Integer> {
  private static final BenchSettings SETTINGS =
      BenchSettings.of(
          "gpt2-124m",
          "preset",
          "layers",
          "heads",
          "width",
          "context-length",
          "vocab-size",
          "dropout",
          "batch-size",
          "sequence-length",
          "seed",
          "backend",
          "device",
          "precision",
          "blas",
          "threads");

  /** How often what seems slower is measured again before it is called so. */
  private static final int LOOKS = 2;

  private final CliContext context;

  @Spec private CommandSpec spec;

  @Mixin private KernelOptions measuring;

  @Mixin private KernelOutputs outputs;

  @Option(
      names = "--only",
      paramLabel = "REGEX",
      description = "Only the ops whose group or name it finds.")
  private String only = "";

  @Option(
      names = "--baseline",
      paramLabel = "FILE",
      description =
          "What --json printed once: compare with it, measure again what seems slower, and exit with 9"
              + " if that confirms it.")
  private Path baseline;

  @Option(
      names = "--tolerance",
      paramLabel = "SHARE",
      description = "Changes up to this share are none. Default: 0.05.")
  private double tolerance = 0.05;

  private BenchKernelsCommand(CliContext context) {
    this.context = context;
  }

  /** The command with a flag for every setting that it heeds. */
  static CommandSpec create(CliContext context) {
    return SETTINGS.addTo(new BenchKernelsCommand(context));
  }

  @Override
  public Integer call() {
    ResolvedSettings settings = SETTINGS.resolve(spec, context);
    TrainConfig config = TrainConfigs.from(settings, Models::config);
    BackendChoice choice = BackendChoice.of(settings, context.environment());
    Optional<KernelBaseline> before = Optional.ofNullable(baseline).map(KernelBaseline::read);
    if (!(tolerance >= 0 && tolerance < 1)) {
      throw Usage.error("--tolerance %s must be from 0 to less than 1", tolerance);
    }
    KernelBenchmark.Settings benchmark = measuring.settings(choice, config).withOnly(pattern());
    outputs.check();
    KernelBenchmarkResult result = run(choice, benchmark);
    Optional<KernelComparison> comparison = Optional.empty();
    if (before.isPresent()) {
      before.get().requireLike(baseline, result);
      comparison = Optional.of(compare(before.get(), result, choice, benchmark));
    }
    if (measuring.json()) {
      ObjectNode root = KernelBenchmarkReport.json(result);
      comparison.ifPresent(c -> KernelComparisonReport.put(root.putObject("comparison"), c));
      context.out().println(root);
    } else {
      context.out().print(KernelBenchmarkReport.text(result));
      comparison.ifPresent(c -> context.out().print("\n" + KernelComparisonReport.text(c)));
    }
    outputs.write(List.of(result)).forEach(file -> context.err().println("wrote " + file));
    return comparison.filter(KernelComparison::regression).isPresent()
        ? Failure.REGRESSION.exitCode()
        : 0;
  }

  private static KernelBenchmarkResult run(
      BackendChoice choice, KernelBenchmark.Settings benchmark) {
    return KernelBenchmark.run(choice::open, benchmark, GptVersion.number(), BuildCommit.read());
  }

  /** Looks again at what seems slower: a busy neighbour does not stay with one op. */
  private KernelComparison compare(
      KernelBaseline before,
      KernelBenchmarkResult result,
      BackendChoice choice,
      KernelBenchmark.Settings benchmark) {
    KernelComparison comparison = KernelComparison.of(before, result, tolerance);
    for (int look = 1; look <= LOOKS && comparison.regression(); look++) {
      KernelBenchmark.Settings again = benchmark;
      if (!comparison.allSlower()) {
        String suspects =
            comparison.slower().stream()
                .map(change -> Pattern.quote(change.family() + " " + change.name()))
                .collect(Collectors.joining("|", "^(", ")$"));
        again = benchmark.withOnly(Pattern.compile(suspects));
      }
      comparison =
          comparison.confirmedBy(KernelComparison.of(before, run(choice, again), tolerance));
    }
    return comparison;
  }

  private Pattern pattern() {
    try {
      return Pattern.compile(only);
    } catch (PatternSyntaxException e) {
      throw Usage.error("--only %s is not a regular expression: %s", only, e.getDescription());
    }
  }
}
