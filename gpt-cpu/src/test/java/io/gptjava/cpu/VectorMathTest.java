package io.gptjava.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import java.util.function.UnaryOperator;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;

class VectorMathTest {
  private static final double SCALE = Math.sqrt(2 / Math.PI);

  @Test
  void expIsWithinOneAndAHalfUnitsOverTheWholeRange() {
    double worst = 0;
    for (int i = 0; i <= 2_000_000; i++) {
      float x = -106 + i * (196f / 2_000_000);
      worst = Math.max(worst, unitsOff(at(VectorMath::exp, x), StrictMath.exp(x)));
    }
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 500_000; i++) {
      float x = (float) ((random.nextBoolean() ? 1 : -1) * Math.scalb(1.0, random.nextInt(-40, 7)));
      x *= 1 + random.nextFloat();
      worst = Math.max(worst, unitsOff(at(VectorMath::exp, x), StrictMath.exp(x)));
    }
    assertTrue(worst <= 1.5, "exp is off by " + worst + " units in the last place");
  }

  @Test
  void expOfSpecialValues() {
    assertEquals(1f, at(VectorMath::exp, 0f));
    assertEquals(1f, at(VectorMath::exp, -0f));
    assertEquals(0f, at(VectorMath::exp, Float.NEGATIVE_INFINITY));
    assertEquals(0f, at(VectorMath::exp, -Float.MAX_VALUE));
    assertEquals(Float.POSITIVE_INFINITY, at(VectorMath::exp, Float.POSITIVE_INFINITY));
    assertEquals(Float.POSITIVE_INFINITY, at(VectorMath::exp, Float.MAX_VALUE));
    assertEquals(Float.POSITIVE_INFINITY, at(VectorMath::exp, 88.73f));
    assertEquals(Float.MIN_VALUE, at(VectorMath::exp, -103.2f));
    assertTrue(Float.isNaN(at(VectorMath::exp, Float.NaN)));
    assertTrue(Float.isNaN(at(VectorMath::exp, Float.intBitsToFloat(0xFFC12345))));
    assertTrue(Float.isNaN(at(VectorMath::exp, Float.intBitsToFloat(0x7F800001))));
  }

  @Test
  void lanesAreIndependent() {
    float[] x = new float[Vectors.F.length()];
    float[] y = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      x[i] = 3.7f * i - 20;
    }
    VectorMath.exp(FloatVector.fromArray(Vectors.F, x, 0)).intoArray(y, 0);
    for (int i = 0; i < x.length; i++) {
      assertEquals(at(VectorMath::exp, x[i]), y[i]);
    }
  }

  @Test
  void sumAddsEveryLaneInTheSameOrderAlways() {
    float[] x = new float[Vectors.F.length()];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) Math.sin(i + 1) * 1e3f;
    }
    double exact = 0;
    for (float value : x) {
      exact += value;
    }
    float first = Vectors.sum(FloatVector.fromArray(Vectors.F, x, 0));
    assertEquals(exact, first, 1e-3);
    for (int i = 0; i < 200_000; i++) {
      assertEquals(first, Vectors.sum(FloatVector.fromArray(Vectors.F, x, 0)));
    }
  }

  @Test
  void geluAndItsDerivativeFollowTheFormula() {
    DoubleUnaryOperator gelu = x -> 0.5 * x * (1 + StrictMath.tanh(inner(x)));
    DoubleUnaryOperator derivative =
        x -> {
          double t = StrictMath.tanh(inner(x));
          return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * SCALE * (1 + 3 * 0.044715 * x * x);
        };
    for (int i = 0; i <= 400_000; i++) {
      float x = -20 + i * 1e-4f;
      double allowed = 4 * Math.ulp((float) Math.max(1e-3, Math.abs(x)));
      assertEquals(gelu.applyAsDouble(x), at(VectorMath::gelu, x), allowed, "gelu at " + x);
      assertEquals(
          derivative.applyAsDouble(x),
          at(VectorMath::geluDerivative, x),
          6 * Math.ulp(1f),
          "derivative at " + x);
    }
  }

  @Test
  void geluOfHugeAndBrokenValues() {
    assertEquals(1e30f, at(VectorMath::gelu, 1e30f));
    assertEquals(0f, Math.abs(at(VectorMath::gelu, -1e30f)));
    assertEquals(1f, at(VectorMath::geluDerivative, 1e30f));
    assertEquals(1f, at(VectorMath::geluDerivative, Float.POSITIVE_INFINITY));
    assertEquals(0f, at(VectorMath::geluDerivative, -1e30f), 1e-30f);
    assertTrue(Float.isNaN(at(VectorMath::gelu, Float.NaN)));
    assertTrue(Float.isNaN(at(VectorMath::geluDerivative, Float.NaN)));
  }

  private static double inner(double x) {
    return SCALE * (x + 0.044715 * x * x * x);
  }

  private static float at(UnaryOperator<FloatVector> function, float x) {
    return function.apply(FloatVector.broadcast(Vectors.F, x)).lane(0);
  }

  private static double unitsOff(float got, double exact) {
    if (exact > Float.MAX_VALUE) {
      return got == Float.POSITIVE_INFINITY || exact < 0x1.ffffffp127 ? 0 : Double.MAX_VALUE;
    }
    return Math.abs(got - exact) / Math.ulp((float) exact);
  }
}
