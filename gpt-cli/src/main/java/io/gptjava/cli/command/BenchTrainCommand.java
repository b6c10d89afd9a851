package io.gptjava.cli.command;

import io.gptjava.benchmarks.DeviceTrainBenchmark;
import io.gptjava.benchmarks.DeviceTrainReport;
import io.gptjava.benchmarks.DeviceTrainResult;
import io.gptjava.benchmarks.StepTimeline;
import io.gptjava.benchmarks.TrainBenchmark;
import io.gptjava.benchmarks.TrainBenchmarkReport;
import io.gptjava.benchmarks.TrainBenchmarkResult;
import io.gptjava.benchmarks.TrainSweep;
import io.gptjava.cli.CliContext;
import io.gptjava.cli.GptVersion;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.TrainConfigs;
import io.gptjava.cli.model.Models;
import io.gptjava.cli.run.RunMemory;
import io.gptjava.core.Backend;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.run.BuildCommit;
import io.gptjava.train.run.Environment;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Times training steps. */
@Command(
    name = "train",
    abbreviateSynopsis = true,
    description = {
      "Times whole training steps on random tokens and what the machine allows: on a CPU, between the"
          + " steps, their matrix products alone and AdamW at memory speed; on a GPU a large matrix"
          + " product, to state model FLOPs utilisation against.",
      "",
      "Shape and batch come from --preset (default: textbook) and the flags below; --steps is the"
          + " number of timed steps (default: 15), which follow enough others to warm up. A step is one"
          + " micro-batch.",
      "",
      "--sweep times the steps of several settings side by side and fits how forward and backward"
          + " pass grow with batch and length, the optimizer apart."
    },
    footer = {
      "",
      "Examples",
      "  gpt bench train --preset textbook",
      "  gpt bench train --preset gpt2-124m --batch-size 1 --steps 5 --json",
      "  gpt bench train --preset gpt2-124m --batch-size 1 --trace step.json",
      "  gpt bench train --sweep batch-size=1,2,4 --sweep sequence-length=64,128,256 --steps 5",
      "  gpt bench train --preset gpt2-124m --backend cuda --precision bf16 --batch-size 64"
    })
public final class BenchTrainCommand implements Callable<Integer> {
  /** The settings of a run that change what a step costs. */
  private static final BenchSettings SETTINGS =
      BenchSettings.of(
          "textbook",
          "preset",
          "layers",
          "heads",
          "width",
          "context-length",
          "vocab-size",
          "dropout",
          "qkv-bias",
          "tie-embeddings",
          "batch-size",
          "sequence-length",
          "steps",
          "seed",
          "backend",
          "device",
          "precision",
          "recompute",
          "cpu-matmul",
          "blas",
          "threads");

  private final CliContext context;

  @Spec private CommandSpec spec;

  @Option(names = "--json", description = "Print one JSON object instead of tables.")
  private boolean json;

  @Option(
      names = "--product-size",
      paramLabel = "N",
      description =
          "On a GPU: rows, inputs and outputs of the matrix product measured as its ceiling; 0 for"
              + " none. Default: 8192.")
  private int productSize = 8192;

  @Option(
      names = "--sweep",
      paramLabel = "NAME=V1,V2",
      description =
          "Time each value of a setting, such as sequence-length=128,256; with several of these,"
              + " every combination. Fits the time per token where batch or length vary.")
  private List<String> sweeps = List.of();

  @Option(
      names = "--trace",
      paramLabel = "FILE",
      description =
          "Write a step's ops as a timeline too, in the trace event format that Perfetto and"
              + " chrome://tracing open.")
  private Path trace;

  private BenchTrainCommand(CliContext context) {
    this.context = context;
  }

  /** The command with a flag for every setting that it heeds. */
  static CommandSpec create(CliContext context) {
    return SETTINGS.addTo(new BenchTrainCommand(context));
  }

  @Override
  public Integer call() {
    ResolvedSettings settings = SETTINGS.resolve(spec, context);
    TrainConfig config = TrainConfigs.from(settings, Models::config);
    if (trace != null) {
      OutputFile.check("--trace", trace);
    }
    if (!sweeps.isEmpty()) {
      sweep(settings);
      return 0;
    }
    try (Backend backend = BackendChoice.of(settings, context.environment()).open()) {
      RunMemory.requireForBenchmark(backend, config);
      TrainBenchmark.Settings benchmark = benchmark(settings, config);
      if (DeviceTrainBenchmark.suits(backend)) {
        onDevice(backend, benchmark);
      } else {
        onHost(backend, benchmark);
      }
    }
    return 0;
  }

  private void sweep(ResolvedSettings settings) {
    if (trace != null) {
      throw Usage.error("--trace writes one step's ops; leave it or --sweep out");
    }
    TrainSweep sweep =
        TrainSweepPlan.of(sweeps, SETTINGS.all(), settings)
            .run(context, this::benchmark, point -> context.err().println(point));
    if (json) {
      context.out().println(sweep.json());
    } else {
      context.out().print(sweep.text());
    }
  }

  private void onHost(Backend backend, TrainBenchmark.Settings settings) {
    TrainBenchmarkResult result =
        TrainBenchmark.run(backend, settings, GptVersion.number(), BuildCommit.read());
    writeTrace(result.settings(), result.timeline(), result.environment());
    if (json) {
      context.out().println(TrainBenchmarkReport.json(result));
    } else {
      context.out().print(TrainBenchmarkReport.text(result));
    }
  }

  private void onDevice(Backend backend, TrainBenchmark.Settings settings) {
    DeviceTrainResult result =
        DeviceTrainBenchmark.run(
            backend, settings, productSize, GptVersion.number(), BuildCommit.read());
    writeTrace(result.settings(), result.timeline(), result.environment());
    if (json) {
      context.out().println(DeviceTrainReport.json(result));
    } else {
      context.out().print(DeviceTrainReport.text(result));
    }
  }

  private void writeTrace(
      TrainBenchmark.Settings settings, StepTimeline timeline, Environment environment) {
    if (trace == null) {
      return;
    }
    String title =
        "training step, %d x %d tokens, %s"
            .formatted(
                settings.batch(),
                settings.sequence(),
                settings.precision().name().toLowerCase(Locale.ROOT));
    OutputFile.write(trace, timeline.chromeTrace(title, environment).toString());
    context.err().println("wrote " + trace);
  }

  private TrainBenchmark.Settings benchmark(ResolvedSettings settings, TrainConfig config) {
    TrainBenchmark.Settings usual = TrainBenchmark.Settings.textbook();
    long steps = settings.given("steps") ? settings.longInteger("steps") : usual.steps();
    if (steps > Integer.MAX_VALUE) {
      throw Usage.error("--steps %d are more than a benchmark can time; use fewer", steps);
    }
    return new TrainBenchmark.Settings(
        config.model(),
        config.precision(),
        config.recompute(),
        config.batch().batchSize(),
        config.batch().sequenceLength(),
        usual.maximumWarmupSteps(),
        (int) steps,
        settings.integer("threads"),
        config.seed());
  }
}
