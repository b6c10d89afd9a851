package io.gptjava.benchmarks.baseline;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.benchmarks.baseline.KernelComparison.Change;
import io.gptjava.benchmarks.baseline.KernelComparison.Verdict;
import java.util.Locale;

/** Shows a {@link KernelComparison} to people and to programs. */
public final class KernelComparisonReport {
  private KernelComparisonReport() {}

  /** A table of what changed, and a verdict. */
  public static String text(KernelComparison comparison) {
    StringBuilder text = new StringBuilder();
    line(
        text,
        "against the baseline: all ops take %.3f x, copy and product %.3f x as long; below, beside"
            + " that",
        comparison.drift(),
        comparison.ceilingDrift());
    line(
        text,
        "  %-45s %10s %10s %7s  %-15s",
        "op",
        "ms before",
        "ms now",
        "ratio",
        "99 % interval");
    for (Change change : comparison.changes()) {
      if (change.verdict() != Verdict.SAME) {
        line(
            text,
            "  %-45s %10.4f %10.4f %7.3f  %.3f to %.3f  %s",
            change.name(),
            change.before(),
            change.now(),
            change.ratio().ratio(),
            change.ratio().low(),
            change.ratio().high(),
            change.verdict().name().toLowerCase(Locale.ROOT));
      }
    }
    long same = comparison.changes().stream().filter(c -> c.verdict() == Verdict.SAME).count();
    line(text, "%d ops as before, to %.0f %%", same, 100 * comparison.tolerance());
    for (String name : comparison.missing()) {
      line(text, "%s is not in the baseline", name);
    }
    if (comparison.allSlower()) {
      line(text, "REGRESSION: all ops together became slower than the machine");
    }
    for (Change change : comparison.slower()) {
      line(text, "REGRESSION: %s takes %.2f x as long", change.name(), change.ratio().ratio());
    }
    return text.toString();
  }

  private static void line(StringBuilder text, String format, Object... arguments) {
    text.append(String.format(Locale.ROOT, format, arguments).stripTrailing()).append('\n');
  }

  /** The same figures. */
  public static void put(ObjectNode node, KernelComparison comparison) {
    node.put("drift", comparison.drift()).put("ceiling_drift", comparison.ceilingDrift());
    node.put("tolerance", comparison.tolerance()).put("all_slower", comparison.allSlower());
    node.put("regression", comparison.regression());
    node.putArray("changes");
    for (Change change : comparison.changes()) {
      ObjectNode each = node.withArray("changes").addObject();
      each.put("family", change.family()).put("name", change.name());
      each.put("ms_before", change.before()).put("ms_now", change.now());
      each.put("ratio", change.ratio().ratio()).put("low", change.ratio().low());
      each.put("high", change.ratio().high());
      each.put("verdict", change.verdict().name().toLowerCase(Locale.ROOT));
    }
    comparison.missing().forEach(node.putArray("missing")::add);
  }
}
