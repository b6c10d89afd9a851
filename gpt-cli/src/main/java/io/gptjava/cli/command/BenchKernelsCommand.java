package io.gptjava.cli.command;

import io.gptjava.benchmarks.DeviceTrainBenchmark;
import io.gptjava.benchmarks.kernels.KernelBenchmark;
import io.gptjava.benchmarks.kernels.KernelBenchmarkReport;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult;
import io.gptjava.benchmarks.kernels.KernelShapes;
import io.gptjava.cli.CliContext;
import io.gptjava.cli.GptVersion;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.TrainConfigs;
import io.gptjava.cli.model.Models;
import io.gptjava.core.Backend;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.run.BuildCommit;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import picocli.CommandLine.Command;
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
      "  gpt bench kernels --preset textbook --backend cpu --only attention"
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

  private final CliContext context;

  @Spec private CommandSpec spec;

  @Option(names = "--json", description = "Print one JSON object instead of a table.")
  private boolean json;

  @Option(
      names = "--only",
      paramLabel = "REGEX",
      description = "Only the ops whose group or name it finds.")
  private String only = "";

  @Option(
      names = "--samples",
      paramLabel = "N",
      description = "Timed batches of calls an op. Default: 9 on a GPU, 7 on a CPU.")
  private int samples;

  @Option(
      names = "--quick",
      description =
          "Small ceilings, no rotation past the cache: to see that it runs, not to measure.")
  private boolean quick;

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
    KernelBenchmarkResult result =
        KernelBenchmark.run(
            choice::open, benchmark(choice, config), GptVersion.number(), BuildCommit.read());
    if (json) {
      context.out().println(KernelBenchmarkReport.json(result));
    } else {
      context.out().print(KernelBenchmarkReport.text(result));
    }
    return 0;
  }

  private KernelBenchmark.Settings benchmark(BackendChoice choice, TrainConfig config) {
    KernelShapes shapes =
        new KernelShapes(
            config.model(),
            config.precision().compute(),
            config.batch().batchSize(),
            config.batch().sequenceLength());
    boolean device;
    try (Backend backend = choice.open()) {
      device = DeviceTrainBenchmark.suits(backend);
    }
    KernelBenchmark.Settings benchmark =
        quick
            ? KernelBenchmark.Settings.quick(shapes, config.seed())
            : device
                ? KernelBenchmark.Settings.device(shapes, config.seed())
                : KernelBenchmark.Settings.host(shapes, config.seed());
    if (samples < 0) {
      throw Usage.error("--samples %d must be at least 1", samples);
    }
    return (samples > 0 ? benchmark.withSamples(samples) : benchmark).withOnly(pattern());
  }

  private Pattern pattern() {
    try {
      return Pattern.compile(only);
    } catch (PatternSyntaxException e) {
      throw Usage.error("--only %s is not a regular expression: %s", only, e.getDescription());
    }
  }
}
