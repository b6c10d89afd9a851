package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.RatioInterval;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Ceilings;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.KernelTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Which ops keep a training step away from its roof the most: the time of all their calls beyond
 * the shortest that the ceilings allow. Ops that the spread of their timings does not tell apart
 * share a rank.
 *
 * @param ops the most first
 */
record Ranking(List<Ranked> ops) {
  /** Confidence of what tells two ops apart. */
  static final double CONFIDENCE = 0.99;

  /**
   * An op.
   *
   * @param rank 1 is the most; that of the op before where the two are not told apart
   * @param beyond milliseconds a step beyond the roof
   */
  record Ranked(int rank, KernelTime kernel, double beyond) {}

  /** Copies the list. */
  Ranking {
    ops = List.copyOf(ops);
  }

  /** The ops of a training step that are below their roof at the median. */
  static Ranking of(List<KernelTime> kernels, Ceilings ceilings) {
    List<KernelTime> sorted =
        kernels.stream()
            .filter(kernel -> kernel.calls() > 0 && beyond(kernel, ceilings) > 0)
            .sorted(
                Comparator.comparingDouble((KernelTime kernel) -> beyond(kernel, ceilings))
                    .reversed())
            .toList();
    List<Ranked> ranked = new ArrayList<>();
    for (KernelTime kernel : sorted) {
      int rank = ranked.size() + 1;
      if (!ranked.isEmpty()) {
        Ranked above = ranked.getLast();
        rank = apart(above.kernel, kernel, ceilings) ? rank : above.rank;
      }
      ranked.add(new Ranked(rank, kernel, beyond(kernel, ceilings)));
    }
    return new Ranking(ranked);
  }

  private static double beyond(KernelTime kernel, Ceilings ceilings) {
    return beyond(kernel, ceilings, kernel.timing().median());
  }

  private static double beyond(KernelTime kernel, Ceilings ceilings, double milliseconds) {
    double roof =
        1e3 * kernel.cost().secondsAtLeast(ceilings.flopsPerSecond(), ceilings.bytesPerSecond());
    return kernel.calls() * (milliseconds - roof);
  }

  private static boolean apart(KernelTime above, KernelTime below, Ceilings ceilings) {
    List<Double> more = samples(above, ceilings);
    List<Double> less = samples(below, ceilings);
    return RatioInterval.of(less, more, CONFIDENCE).low() > 1;
  }

  /** What lies above the roof counts as next to nothing. */
  private static List<Double> samples(KernelTime kernel, Ceilings ceilings) {
    return kernel.timing().sorted().stream()
        .map(time -> Math.max(1e-9, beyond(kernel, ceilings, time)))
        .toList();
  }
}
