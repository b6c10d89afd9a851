package io.gptjava.cli.command;

import io.gptjava.benchmarks.DeviceTrainBenchmark;
import io.gptjava.benchmarks.kernels.KernelBenchmark;
import io.gptjava.benchmarks.kernels.KernelShapes;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.core.Backend;
import io.gptjava.train.config.TrainConfig;
import picocli.CommandLine.Option;

/** The flags that say how benchmarks of single ops measure and print. */
final class KernelOptions {
  @Option(names = "--json", description = "Print one JSON object instead of a table.")
  private boolean json;

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

  /** Whether to print JSON. */
  boolean json() {
    return json;
  }

  /** Sizes for the backend, at the shapes of a training step. */
  KernelBenchmark.Settings settings(BackendChoice choice, TrainConfig config) {
    if (samples < 0) {
      throw Usage.error("--samples %d must be at least 1", samples);
    }
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
    benchmark = benchmark.withPrecision(config.precision());
    return samples > 0 ? benchmark.withSamples(samples) : benchmark;
  }
}
