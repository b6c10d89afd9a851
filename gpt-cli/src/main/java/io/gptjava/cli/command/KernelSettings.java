package io.gptjava.cli.command;

import io.gptjava.benchmarks.DeviceTrainBenchmark;
import io.gptjava.benchmarks.kernels.KernelBenchmark;
import io.gptjava.benchmarks.kernels.KernelShapes;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.core.Backend;
import io.gptjava.train.config.TrainConfig;

/** How benchmarks of single ops run on a backend. */
final class KernelSettings {
  private KernelSettings() {}

  /**
   * Sizes for the backend, at the shapes of a training step.
   *
   * @param quick to see that it runs, not to measure
   * @param samples timed batches of an op; 0 for the backend's usual number
   */
  static KernelBenchmark.Settings of(
      BackendChoice choice, TrainConfig config, boolean quick, int samples) {
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
    return samples > 0 ? benchmark.withSamples(samples) : benchmark;
  }
}
