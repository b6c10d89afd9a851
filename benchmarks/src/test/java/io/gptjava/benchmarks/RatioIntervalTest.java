package io.gptjava.benchmarks;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class RatioIntervalTest {
  /** Against all orders of small samples. */
  @Test
  void statisticCountsOrders() {
    for (int m = 1; m <= 4; m++) {
      for (int n = 1; n <= 4; n++) {
        double[] counts = new double[m * n + 1];
        for (int chosen = 0; chosen < 1 << m + n; chosen++) {
          if (Integer.bitCount(chosen) == m) {
            counts[pairsOutOfOrder(chosen, m + n)]++;
          }
        }
        assertArrayEquals(counts, RatioInterval.statistic(m, n));
      }
    }
  }

  private static int pairsOutOfOrder(int chosen, int bits) {
    int pairs = 0;
    for (int i = 0; i < bits; i++) {
      for (int j = 0; j < i; j++) {
        pairs += (chosen >> i & 1) == 1 && (chosen >> j & 1) == 0 ? 1 : 0;
      }
    }
    return pairs;
  }

  /**
   * The critical value of U for 7 and 7 at 1 %, two-sided, is 4 in every table: five are left out.
   */
  @Test
  void leavesOutAsManyRatiosAsTheTablesSay() {
    List<Double> before = Collections.nCopies(7, 1.0);
    List<Double> after = IntStream.range(0, 7).mapToObj(i -> 1 + i / 100.0).toList();
    RatioInterval interval = RatioInterval.of(before, after, 0.99);
    // Each ratio occurs seven times: the fifth smallest is still the smallest.
    assertEquals(1.00, interval.low());
    assertEquals(1.03, interval.ratio());
    assertEquals(1.06, interval.high());
    List<Double> spread = IntStream.range(0, 7).mapToObj(i -> Math.pow(2, i)).toList();
    RatioInterval wide = RatioInterval.of(spread, spread, 0.99);
    // Ratios 2^d occur 7 - |d| times: one of 2^-6, two of 2^-5, three of 2^-4.
    assertEquals(0x1p-4, wide.low());
    assertEquals(1, wide.ratio());
    assertEquals(0x1p4, wide.high());
  }

  @Test
  void tooFewTimingsSayNothing() {
    RatioInterval interval = RatioInterval.of(List.of(1.0, 1.1), List.of(2.0, 2.1), 0.99);
    assertEquals(0, interval.low());
    assertTrue(interval.ratio() > 1.8);
    assertEquals(Double.POSITIVE_INFINITY, interval.high());
  }

  /** The true ratio lies outside a 90 % interval in no more than a tenth of many trials. */
  @Test
  void coversTheTruth() {
    Random random = new Random(5);
    int trials = 2000;
    int outside = 0;
    for (int trial = 0; trial < trials; trial++) {
      RatioInterval interval = RatioInterval.of(times(random, 1), times(random, 1.3), 0.9);
      outside += interval.low() > 1.3 || interval.high() < 1.3 ? 1 : 0;
    }
    double deviation = Math.sqrt(trials * 0.1 * 0.9);
    assertTrue(outside < trials * 0.1 + 4 * deviation, outside + " of " + trials);
    assertTrue(outside > trials * 0.05, "an interval that is not needlessly wide: " + outside);
  }

  private static List<Double> times(Random random, double middle) {
    List<Double> times = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      times.add(middle * Math.exp(0.1 * random.nextGaussian()));
    }
    return times;
  }
}
