package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.RatioInterval;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.KernelTime;
import java.util.List;
import java.util.Locale;

/** The same ops in several precisions side by side, where the timings tell them apart. */
final class PrecisionTable {
  private PrecisionTable() {}

  /** A table of results of the same shapes, against the first; empty for a single one. */
  static String text(List<KernelBenchmarkResult> results) {
    if (results.size() < 2) {
      return "";
    }
    KernelBenchmarkResult first = results.getFirst();
    StringBuilder text = new StringBuilder();
    line(text, "%s against the others, median times", name(first));
    StringBuilder head = new StringBuilder(String.format("%-45s %10s", "op", "ms " + name(first)));
    results.stream()
        .skip(1)
        .forEach(
            other -> head.append(String.format(" %11s %22s", "ms " + name(other), "speed-up")));
    line(text, "%s", head);
    for (KernelTime kernel : first.kernels()) {
      StringBuilder row =
          new StringBuilder(
              String.format(Locale.ROOT, "%-45s %10.4f", kernel.name(), kernel.timing().median()));
      for (KernelBenchmarkResult other : results.subList(1, results.size())) {
        row.append(
            other.kernels().stream()
                .filter(each -> each.name().equals(kernel.name()))
                .filter(each -> each.family().equals(kernel.family()))
                .findFirst()
                .map(each -> cell(kernel, each))
                .orElse(String.format(" %11s %22s", "-", "")));
      }
      line(text, "%s", row);
    }
    line(
        text,
        "In brackets the interval of 99 %% confidence; where it contains 1, there is no telling.");
    return text.toString();
  }

  private static String cell(KernelTime base, KernelTime other) {
    RatioInterval ratio =
        RatioInterval.of(other.timing().sorted(), base.timing().sorted(), Ranking.CONFIDENCE);
    String speed =
        ratio.low() > 1 || ratio.high() < 1
            ? String.format(
                Locale.ROOT, "%.2f [%.2f, %.2f]", ratio.ratio(), ratio.low(), ratio.high())
            : "no telling";
    return String.format(Locale.ROOT, " %11.4f %22s", other.timing().median(), speed);
  }

  private static String name(KernelBenchmarkResult result) {
    return result.settings().precision().name().toLowerCase(Locale.ROOT);
  }

  private static void line(StringBuilder text, String format, Object... arguments) {
    text.append(String.format(Locale.ROOT, format, arguments).stripTrailing()).append('\n');
  }
}
