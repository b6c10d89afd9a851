package io.gptjava.cli.command;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.benchmarks.DeviceTrainBenchmark;
import io.gptjava.benchmarks.baseline.KernelBaseline;
import io.gptjava.benchmarks.baseline.KernelComparison;
import io.gptjava.benchmarks.baseline.KernelComparisonReport;
import io.gptjava.benchmarks.kernels.KernelBenchmark;
import io.gptjava.benchmarks.kernels.KernelBenchmarkReport;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult;
import io.gptjava.benchmarks.kernels.KernelSweep;
import io.gptjava.benchmarks.kernels.KernelText;
import io.gptjava.cli.CliContext;
import io.gptjava.cli.GptVersion;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.run.SystemMemory;
import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.train.run.BuildCommit;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Times single ops. */
@Command(
    name = "kernels",
    abbreviateSynopsis = true,
    description = {
      "Times every op at the shapes of a training step, on random data from memory, and a large copy"
          + " and a large matrix product as the machine's ceilings.",
      "",
      "Shape and batch come from --preset (default: gpt2-124m) and the flags below, or from --shapes or"
          + " --sweep. Groups of ops that do not fit in memory are skipped. Several precisions are"
          + " compared with one another; what the spread of the timings does not tell apart is not"
          + " ranked."
    },
    footer = {
      "",
      "Examples",
      "  gpt bench kernels --backend cuda --precision bf16 --batch-size 64",
      "  gpt bench kernels --preset textbook --backend cpu --only attention --plot roof.svg",
      "  gpt bench kernels --shapes 'B=1,T=512,C=256,H=4;gpt2-355m,B=2' --precision fp32,bf16",
      "  gpt bench kernels --backend cuda --sweep --precision bf16 --csv sweep.csv",
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
              "threads")
          .withSeveral("precision");

  private final CliContext context;

  @Spec private CommandSpec spec;

  @Mixin private KernelOptions measuring;

  @Mixin private KernelSelection selection;

  @Mixin private KernelOutputs outputs;

  @Mixin private KernelRegression regression;

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
    List<KernelBaseline> before = regression.read();
    outputs.check();
    List<KernelSweep.Point> points =
        selection.points(settings, measuring, context).stream()
            .map(
                point ->
                    new KernelSweep.Point(
                        point.opener(), point.settings().withProcesses(regression.processes())))
            .toList();
    KernelSweep sweep =
        KernelSweep.run(
            points,
            selection.limit(() -> onDevice(points.getFirst())),
            this::run,
            context.err()::println);
    List<KernelComparison> comparisons =
        regression.compare(
            before, sweep.results(), (result, ops) -> run(again(points, result, ops)));
    if (measuring.json()) {
      context.out().println(json(sweep, comparisons));
    } else {
      context.out().print(text(sweep.results(), comparisons));
    }
    outputs.write(sweep.results()).forEach(file -> context.err().println("wrote " + file));
    return comparisons.stream().anyMatch(KernelComparison::regression)
        ? Failure.REGRESSION.exitCode()
        : 0;
  }

  private static boolean onDevice(KernelSweep.Point point) {
    try (Backend backend = point.opener().get()) {
      return DeviceTrainBenchmark.suits(backend);
    }
  }

  private KernelBenchmarkResult run(KernelSweep.Point point) {
    int processes = point.settings().processes();
    if (processes > 1) {
      List<String> arguments = spec.root().commandLine().getParseResult().originalArgs();
      return new KernelProcesses(context, arguments, processes).run(point.settings());
    }
    return KernelBenchmark.run(
        point.opener(),
        point.settings(),
        SystemMemory::availableBytes,
        GptVersion.number(),
        BuildCommit.read());
  }

  private static KernelSweep.Point again(
      List<KernelSweep.Point> points, KernelBenchmarkResult result, Pattern ops) {
    KernelSweep.Point same =
        points.stream()
            .filter(point -> point.settings().equals(result.settings()))
            .findFirst()
            .orElseThrow();
    return new KernelSweep.Point(same.opener(), same.settings().withOnly(ops));
  }

  private static String text(
      List<KernelBenchmarkResult> results, List<KernelComparison> comparisons) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < results.size(); i++) {
      text.append(i == 0 ? "" : "\n").append(KernelText.of(results.get(i)));
      if (!comparisons.isEmpty()) {
        text.append('\n').append(KernelComparisonReport.text(comparisons.get(i)));
      }
    }
    return text.append(KernelText.precisions(results)).toString();
  }

  private ObjectNode json(KernelSweep sweep, List<KernelComparison> comparisons) {
    ObjectNode root = KernelBenchmarkReport.json(sweep);
    root.put("command", RecordedCommand.of(spec));
    for (int i = 0; i < comparisons.size(); i++) {
      ObjectNode run = root.has("runs") ? (ObjectNode) root.path("runs").get(i) : root;
      KernelComparisonReport.put(run.putObject("comparison"), comparisons.get(i));
    }
    return root;
  }
}
