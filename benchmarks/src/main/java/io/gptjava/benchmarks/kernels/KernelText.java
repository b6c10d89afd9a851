package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.Emulator;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Ceilings;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.KernelTime;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Skipped;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/** Shows a {@link KernelBenchmarkResult} to people. */
public final class KernelText {
  private static final double GIGA = 1e9;
  private static final double TERA = 1e12;

  /** Below it, a CPU's op gets a note on why. */
  static final double LOW = 0.6;

  /** A spread above it makes figures of an op doubtful. */
  private static final double WIDE = 0.1;

  private static final int MOST_RANKED = 8;

  private final StringBuilder text = new StringBuilder();
  private final KernelBenchmarkResult result;
  private final Ceilings best;
  private final List<String> notes = new ArrayList<>();

  private KernelText(KernelBenchmarkResult result) {
    this.result = result;
    best = result.best();
  }

  /** A table of all ops against the ceilings. */
  public static String of(KernelBenchmarkResult result) {
    KernelText table = new KernelText(result);
    table.head();
    table.rows();
    table.legend();
    table.ranking();
    return table.text.toString();
  }

  /** The precisions of each shape side by side; empty where there is one. */
  public static String precisions(List<KernelBenchmarkResult> results) {
    Map<Object, List<KernelBenchmarkResult>> byShape = new LinkedHashMap<>();
    for (KernelBenchmarkResult result : results) {
      KernelShapes shapes = result.settings().shapes();
      byShape
          .computeIfAbsent(
              List.of(shapes.model(), shapes.batch(), shapes.sequence()), _ -> new ArrayList<>())
          .add(result);
    }
    StringBuilder text = new StringBuilder();
    byShape.values().stream()
        .filter(same -> same.size() > 1)
        .forEach(
            same -> {
              text.append(byShape.size() > 1 ? "\n" + shape(same.getFirst()) + "; " : "\n");
              text.append(PrecisionTable.text(same));
            });
    return text.toString();
  }

  private static String shape(KernelBenchmarkResult result) {
    KernelShapes shapes = result.settings().shapes();
    return String.format(
        Locale.ROOT, "%d x %d tokens, width %d", shapes.batch(), shapes.sequence(), shapes.width());
  }

  private void head() {
    line(
        "kernels: %s, %s, %d heads, %d layers, vocabulary %d, %s",
        result.settings().precision().name().toLowerCase(Locale.ROOT),
        shape(result),
        result.settings().shapes().model().heads(),
        result.settings().shapes().model().layers(),
        result.settings().shapes().model().vocabularySize(),
        result.settings().processes() == 1
            ? result.method()
            : result.method() + ", medians of " + result.settings().processes() + " processes");
    line("%s; gpt-java %s", result.environment().backend(), result.environment().version());
    if (result.emulated()) {
      line(Emulator.CAUTION);
    }
    line(
        "ceilings: copy %.0f GB/s read and written, product of %d: %.4g TFLOP/s",
        best.bytesPerSecond() / GIGA, result.settings().matmulSize(), best.flopsPerSecond() / TERA);
    double apart = drift(Ceilings::bytesPerSecond);
    double apartFlops = drift(Ceilings::flopsPerSecond);
    if (Math.max(apart, apartFlops) > WIDE) {
      line(
          "between begin and end the copy changed by %.0f %%, the product by %.0f %%: the machine was"
              + " busy, compare with care",
          100 * apart, 100 * apartFlops);
    }
    line("");
    line(
        "%-45s %5s %10s %10s %10s %7s %8s %8s %-6s %6s",
        "op", "calls", "us median", "min", "p95", "spread", "TFLOP/s", "GB/s", "bound", "% roof");
  }

  private double drift(ToDoubleFunction<Ceilings> of) {
    double most = result.ceilings().stream().mapToDouble(of).max().orElseThrow();
    double least = result.ceilings().stream().mapToDouble(of).min().orElseThrow();
    return most / least - 1;
  }

  private void rows() {
    String family = "";
    for (KernelTime kernel : result.kernels()) {
      if (!kernel.family().equals(family)) {
        family = kernel.family();
        line("%s", family);
      }
      double spread = kernel.timing().spread();
      line(
          "  %-43s %5d %10.1f %10.1f %10.1f %6.0f%s %8s %8.1f %-6s %6.1f%s",
          kernel.name(),
          kernel.calls(),
          1e3 * kernel.timing().median(),
          1e3 * kernel.timing().min(),
          1e3 * kernel.timing().p95(),
          100 * spread,
          spread > WIDE ? "~" : "%",
          kernel.cost().flops() > 0
              ? String.format(Locale.ROOT, "%.4g", kernel.flopsPerSecond() / TERA)
              : "-",
          kernel.bytesPerSecond() / GIGA,
          kernel.memoryBound(best) ? "memory" : "matmul",
          100 * kernel.share(best),
          note(kernel));
    }
    for (Skipped skipped : result.skipped()) {
      line("skipped: %s: %s", String.join(", ", skipped.names()), skipped.reason());
    }
  }

  /** A number, and the note at the foot. */
  private String note(KernelTime kernel) {
    Optional<String> note = kernel.noteBelow(LOW, best);
    if (note.isEmpty()) {
      return "";
    }
    if (!notes.contains(note.get())) {
      notes.add(note.get());
    }
    return "  [" + (1 + notes.indexOf(note.get())) + "]";
  }

  private void legend() {
    double step = result.kernels().stream().mapToDouble(KernelTime::stepMilliseconds).sum();
    line("%-51s %10.1f", "all calls of a training step", 1e3 * step);
    line(
        "Roof: the shortest time that the two ceilings allow over the median time. Spread: 95th"
            + " percentile less minimum over the median.");
    if (result.kernels().stream().anyMatch(kernel -> kernel.timing().spread() > WIDE)) {
      line("~ spreads by more than %.0f %%: more --samples, or an idler machine.", 100 * WIDE);
    }
    for (int i = 0; i < notes.size(); i++) {
      line("[%d] %s", i + 1, notes.get(i));
    }
  }

  private void ranking() {
    Ranking ranking = Ranking.of(result.kernels(), best);
    if (ranking.ops().size() < 2) {
      return;
    }
    line("");
    line(
        "most beyond the roof in a training step (the same rank: the timings do not tell them apart)");
    ranking.ops().stream()
        .limit(MOST_RANKED)
        .forEach(
            op -> line("%3d  %-46s %10.1f us", op.rank(), op.kernel().name(), 1e3 * op.beyond()));
  }

  private void line(String format, Object... arguments) {
    text.append(String.format(Locale.ROOT, format, arguments).stripTrailing()).append('\n');
  }
}
