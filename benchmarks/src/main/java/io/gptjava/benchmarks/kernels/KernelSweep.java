package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.kernels.KernelBenchmark.Settings;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Ceilings;
import io.gptjava.core.Backend;
import io.gptjava.core.Precision;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * Several runs of the benchmark of kernels, one a shape and precision, as far as there is time for
 * them.
 *
 * @param results in the order of the points
 * @param leftOut what there was no time for
 */
public record KernelSweep(List<KernelBenchmarkResult> results, List<LeftOut> leftOut) {
  private static final int MINUTE = 60;

  /** Copies the lists. */
  public KernelSweep {
    results = List.copyOf(results);
    leftOut = List.copyOf(leftOut);
  }

  /**
   * A run to make.
   *
   * @param opener opens a backend in the precision
   */
  public record Point(Supplier<Backend> opener, Settings settings) {}

  /**
   * A run that was not made.
   *
   * @param seconds that it would have taken, about
   */
  public record LeftOut(Settings settings, double seconds) {
    /** For people. */
    public String text() {
      return "%s (about %s)".formatted(settings.label(), duration(seconds));
    }
  }

  /**
   * Runs the points in turn. Of several, or when there is a limit, the ceilings are measured first
   * to say how long it will take; points beyond the limit are left out, and smaller ones after them
   * are not.
   *
   * @param limit seconds
   * @param run makes one run
   * @param tell takes lines for people about what is to come
   */
  public static KernelSweep run(
      List<Point> points,
      OptionalDouble limit,
      Function<Point, KernelBenchmarkResult> run,
      Consumer<String> tell) {
    if (points.size() == 1 && limit.isEmpty()) {
      return new KernelSweep(List.of(run.apply(points.getFirst())), List.of());
    }
    List<Point> chosen = new ArrayList<>();
    List<LeftOut> leftOut = new ArrayList<>();
    double all = 0;
    Map<Precision, Ceilings> ceilings = new EnumMap<>(Precision.class);
    for (Point point : points) {
      double seconds = seconds(point, ceilings);
      if (all + seconds > limit.orElse(Double.POSITIVE_INFINITY)) {
        leftOut.add(new LeftOut(point.settings, seconds));
      } else {
        chosen.add(point);
        all += seconds;
      }
    }
    tell.accept("%d of %d runs: about %s".formatted(chosen.size(), points.size(), duration(all)));
    if (!leftOut.isEmpty()) {
      tell.accept(
          "left out: " + leftOut.stream().map(LeftOut::text).collect(Collectors.joining(", ")));
    }
    List<KernelBenchmarkResult> results = new ArrayList<>();
    for (Point point : chosen) {
      tell.accept(
          "%s, run %d of %d".formatted(point.settings.label(), results.size() + 1, chosen.size()));
      results.add(run.apply(point));
    }
    return new KernelSweep(results, leftOut);
  }

  private static double seconds(Point point, Map<Precision, Ceilings> known) {
    Ceilings ceilings =
        known.computeIfAbsent(
            point.settings.precision(),
            _ -> KernelBenchmark.ceilings(point.opener, point.settings));
    try (Backend backend = point.opener.get()) {
      return point.settings.processes()
          * KernelPlan.of(backend, point.settings).seconds(point.settings, ceilings);
    }
  }

  private static String duration(double seconds) {
    long minutes = Math.round(seconds / MINUTE);
    return seconds < MINUTE
        ? String.format(Locale.ROOT, "%.0f s", seconds)
        : minutes < MINUTE
            ? minutes + " min"
            : String.format(Locale.ROOT, "%d h %02d min", minutes / MINUTE, minutes % MINUTE);
  }
}
