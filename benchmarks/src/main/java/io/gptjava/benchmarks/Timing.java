package io.gptjava.benchmarks;

import java.util.Arrays;
import java.util.List;

/**
 * Summary of repeated timings in milliseconds.
 *
 * @param count number of timings
 * @param min shortest
 * @param median middle, or mean of the middle two
 * @param p95 the nearest-rank 95th percentile
 * @param max longest
 */
public record Timing(int count, double min, double median, double p95, double max) {
  /**
   * Summarises.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static Timing of(List<Double> milliseconds) {
    if (milliseconds.isEmpty()) {
      throw new IllegalArgumentException("nothing was timed");
    }
    double[] sorted = milliseconds.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    int n = sorted.length;
    double median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
    double p95 = sorted[(int) Math.ceil(0.95 * n) - 1];
    return new Timing(n, sorted[0], median, p95, sorted[n - 1]);
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
