package io.gptjava.benchmarks;

import java.util.Arrays;
import java.util.List;

/**
 * Repeated timings in milliseconds.
 *
 * @param sorted shortest first
 */
public record Timing(List<Double> sorted) {
  /**
   * Sorts.
   *
   * @throws IllegalArgumentException if there is none
   */
  public Timing {
    if (sorted.isEmpty()) {
      throw new IllegalArgumentException("nothing was timed");
    }
    sorted = sorted.stream().sorted().toList();
  }

  /** Timings in any order. */
  public static Timing of(List<Double> milliseconds) {
    return new Timing(milliseconds);
  }

  /** Number of timings. */
  public int count() {
    return sorted.size();
  }

  /** The shortest. */
  public double min() {
    return sorted.getFirst();
  }

  /** The middle, or the mean of the middle two. */
  public double median() {
    int n = count();
    return (sorted.get((n - 1) / 2) + sorted.get(n / 2)) / 2;
  }

  /** The nearest-rank 95th percentile. */
  public double p95() {
    return sorted.get((int) Math.ceil(0.95 * count()) - 1);
  }

  /** The longest. */
  public double max() {
    return sorted.getLast();
  }

  /** From the shortest to the 95th percentile, as a share of the median. */
  public double spread() {
    return (p95() - min()) / median();
  }

  /** Milliseconds that an action takes. */
  public static double time(Runnable action) {
    long begin = System.nanoTime();
    action.run();
    return (System.nanoTime() - begin) * 1e-6;
  }

  /**
   * Whether timings have stopped falling: the middle of the last three is within 2 % of the middle
   * of the three before.
   */
  public static boolean stable(List<Double> milliseconds) {
    int n = milliseconds.size();
    return n >= 6
        && middle(milliseconds.subList(n - 3, n))
            > 0.98 * middle(milliseconds.subList(n - 6, n - 3));
  }

  private static double middle(List<Double> three) {
    double[] sorted = three.stream().mapToDouble(Double::doubleValue).toArray();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
