package io.gptjava.benchmarks;

import java.util.List;

/**
 * How many times as long something takes as before, with a confidence interval that supposes
 * nothing of how timings are distributed: the median of all ratios of a later to an earlier timing,
 * and the interval that inverts Mann and Whitney's test (Hodges and Lehmann, 1963; Hollander and
 * Wolfe, <i>Nonparametric Statistical Methods</i>, section 4.3, on logarithms).
 *
 * @param low lower end; 0 if there are too few timings to say
 * @param ratio estimate; more than 1 is slower
 * @param high upper end; infinite if there are too few timings to say
 */
public record RatioInterval(double low, double ratio, double high) {

  /**
   * Compares timings.
   *
   * @param before at least one, all positive
   * @param after at least one
   * @param confidence of the interval, below 1
   */
  public static RatioInterval of(List<Double> before, List<Double> after, double confidence) {
    double[] ratios =
        after.stream()
            .flatMapToDouble(a -> before.stream().mapToDouble(b -> a / b))
            .sorted()
            .toArray();
    int n = ratios.length;
    double middle = (ratios[(n - 1) / 2] + ratios[n / 2]) / 2;
    int outside = outside(before.size(), after.size(), (1 - confidence) / 2);
    return outside == 0
        ? new RatioInterval(0, middle, Double.POSITIVE_INFINITY)
        : new RatioInterval(ratios[outside - 1], middle, ratios[n - outside]);
  }

  /**
   * The largest k with P(U < k) at most {@code tail}: the interval's ends are the k-th smallest and
   * the k-th largest ratio.
   */
  private static int outside(int m, int n, double tail) {
    double[] counts = statistic(m, n);
    double all = 0;
    for (double count : counts) {
      all += count;
    }
    int k = 0;
    double below = 0;
    while (below + counts[k] <= tail * all) {
      below += counts[k];
      k++;
    }
    return k;
  }

  /**
   * In how many of the orders of m + n different numbers Mann and Whitney's U is 0, 1, … m·n: the
   * coefficients of the Gaussian binomial, Π (1 − x^(n+i)) / (1 − x^i) for i from 1 to m.
   */
  static double[] statistic(int m, int n) {
    double[] counts = new double[m * n + 1];
    counts[0] = 1;
    for (int i = 1; i <= m; i++) {
      for (int u = counts.length - 1; u >= n + i; u--) {
        counts[u] -= counts[u - n - i];
      }
      for (int u = i; u < counts.length; u++) {
        counts[u] += counts[u - i];
      }
    }
    return counts;
  }

  /** The same beside a machine that became so many times slower itself. */
  public RatioInterval dividedBy(double drift) {
    return new RatioInterval(low / drift, ratio / drift, high / drift);
  }
}
