package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Ceilings;
import io.gptjava.train.plot.Roofline;
import java.util.Locale;

/** A {@link KernelBenchmarkResult} as the points of a roofline. */
public final class KernelRoofline {
  private KernelRoofline() {}

  /** Every op at its median, below the ceilings of the same run. */
  public static Roofline of(KernelBenchmarkResult result) {
    KernelShapes shapes = result.settings().shapes();
    Ceilings best = result.best();
    String title =
        String.format(
            Locale.ROOT,
            "%s, B=%d T=%d C=%d; %s%s",
            result.settings().precision().name().toLowerCase(Locale.ROOT),
            shapes.batch(),
            shapes.sequence(),
            shapes.width(),
            result.environment().processor().orElse(result.environment().system()),
            result.emulated()
                ? "; on the host emulator: no timings of a GPU"
                : "; " + result.environment().backend());
    return new Roofline(
        title,
        best.flopsPerSecond(),
        best.bytesPerSecond(),
        result.kernels().stream()
            .map(
                kernel ->
                    new Roofline.Point(
                        kernel.op(),
                        kernel.cost().flops(),
                        kernel.cost().bytes(),
                        kernel.timing().median() * 1e-3))
            .toList());
  }
}
