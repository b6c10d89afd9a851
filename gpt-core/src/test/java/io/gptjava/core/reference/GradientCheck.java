package io.gptjava.core.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.function.UnaryOperator;

/** Compares float32 results with float64 formulas and their central differences. */
final class GradientCheck {
  /**
   * Central differences of step h are off by h²/6·f''' ≈ 1e-11, and by rounding, 1e-16/h·f ≈ 1e-11.
   * What remains is the float32 of the result and of saved statistics: some 2⁻²⁴ ≈ 6e-8.
   */
  private static final double STEP = 1e-5;

  private static final double RELATIVE = 2e-6;

  private GradientCheck() {}

  /** Values relative to the largest. */
  static void assertClose(String name, double[] expected, float[] actual) {
    assertEquals(expected.length, actual.length, name);
    double largest = Arrays.stream(expected).map(Math::abs).max().orElse(0);
    for (int i = 0; i < expected.length; i++) {
      int at = i;
      assertEquals(expected[i], actual[i], RELATIVE * largest, () -> name + " at " + at);
    }
  }

  /**
   * Checks {@code actual} against the derivative of {@code Σ upstream ⊙ f(x)} by each element of
   * {@code x}.
   */
  static void assertGradient(
      String name, double[] x, float[] upstream, UnaryOperator<double[]> f, float[] actual) {
    double[] expected = new double[x.length];
    double[] moved = x.clone();
    for (int i = 0; i < x.length; i++) {
      moved[i] = x[i] + STEP;
      double above = dot(upstream, f.apply(moved));
      moved[i] = x[i] - STEP;
      double below = dot(upstream, f.apply(moved));
      moved[i] = x[i];
      expected[i] = (above - below) / (2 * STEP);
    }
    assertTrue(Arrays.stream(expected).anyMatch(g -> g != 0), () -> name + " is all 0");
    assertClose(name, expected, actual);
  }

  private static double dot(float[] a, double[] b) {
    assertEquals(a.length, b.length);
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }
}
