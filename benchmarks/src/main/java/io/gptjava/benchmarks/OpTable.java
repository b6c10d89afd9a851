package io.gptjava.benchmarks;

import io.gptjava.benchmarks.TrainBenchmarkResult.OpShare;
import java.util.List;
import java.util.Locale;

/** The ops of a step as a table. */
final class OpTable {
  private static final double TERA = 1e12;
  private static final double GIGA = 1e9;

  private OpTable() {}

  /**
   * A row for each op and shape.
   *
   * @param stepMilliseconds of the whole step
   */
  static String text(List<OpShare> ops, double stepMilliseconds) {
    StringBuilder text =
        new StringBuilder(
            "ops of a step, issued one by one            calls       ms   % step  TFLOP/s     GB/s\n");
    for (OpShare op : ops) {
      text.append(
          String.format(
              Locale.ROOT,
              "  %-41s %5d %8.3f %8.1f %8s %8.1f%n",
              op.name(),
              op.calls(),
              op.milliseconds(),
              100 * op.milliseconds() / stepMilliseconds,
              op.cost().flops() > 0
                  ? String.format(Locale.ROOT, "%.3f", op.flopsPerSecond() / TERA)
                  : "-",
              op.bytesPerSecond() / GIGA));
    }
    return text.toString();
  }
}
