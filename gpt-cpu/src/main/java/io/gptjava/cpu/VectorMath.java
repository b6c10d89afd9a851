package io.gptjava.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Transcendental functions on vectors of floats: branch-free polynomials, the same bits in every
 * lane, at every vector width and on every processor with a fused multiply-add.
 */
final class VectorMath {
  /** √(2/π), the scale of the GELU's tanh argument. */
  private static final float GELU_SCALE = (float) Math.sqrt(2 / Math.PI);

  /** Weight of x³ in the GELU's tanh argument. */
  private static final float GELU_CUBE = 0.044715f;

  /** Beyond it the GELU's derivative is 0 or 1 in fp32; up to it the exponential is finite. */
  private static final float GELU_SATURATION = 10;

  private static final float LOG2_E = (float) (1 / Math.log(2));
  private static final float LN2_HIGH = (float) Math.log(2);
  private static final float LN2_LOW = (float) (Math.log(2) - (double) LN2_HIGH);

  /** 1.5·2²³: adding it rounds to an integer and leaves that integer in the low mantissa bits. */
  private static final float ROUNDER = 0x1.8p23f;

  /** exp of less is below half of the smallest subnormal. */
  private static final float EXP_LOWEST = -104;

  /** exp of more is infinite. */
  private static final float EXP_HIGHEST = 89;

  private static final int EXPONENT_OF_ONE = 0x3F800000;

  private VectorMath() {}

  /**
   * eˣ within 1.5 units in the last place over the whole range, subnormal results included; 0 at
   * −∞, ∞ from 88.73 on, NaN at NaN.
   *
   * <p>With n = round(x / ln 2) and r = x − n ln 2, eˣ = 2ⁿ eʳ; the Taylor polynomial of degree 7
   * is off by 5·10⁻⁹ at most for |r| ≤ ½ ln 2. 2ⁿ is multiplied in halves because n reaches −150
   * and 128.
   */
  static FloatVector exp(FloatVector argument) {
    FloatVector low = FloatVector.broadcast(Vectors.F, EXP_LOWEST);
    FloatVector high = FloatVector.broadcast(Vectors.F, EXP_HIGHEST);
    FloatVector x = argument.blend(low, argument.compare(VectorOperators.LT, low));
    x = x.blend(high, x.compare(VectorOperators.GT, high));

    FloatVector rounder = FloatVector.broadcast(Vectors.F, ROUNDER);
    FloatVector rounded = x.fma(FloatVector.broadcast(Vectors.F, LOG2_E), rounder);
    FloatVector n = rounded.sub(rounder);
    FloatVector r = n.fma(FloatVector.broadcast(Vectors.F, -LN2_HIGH), x);
    r = n.fma(FloatVector.broadcast(Vectors.F, -LN2_LOW), r);

    IntVector bits = rounded.reinterpretAsInts();
    IntVector half = bits.lanewise(VectorOperators.LSHL, 22).and(0xFF800000); // (n >> 1) << 23
    IntVector rest = bits.lanewise(VectorOperators.LSHL, 23).sub(half); // (n − (n >> 1)) << 23
    return taylor(r)
        .mul(half.add(EXPONENT_OF_ONE).reinterpretAsFloats())
        .mul(rest.add(EXPONENT_OF_ONE).reinterpretAsFloats());
  }

  /**
   * {@link #exp} for arguments in [−87.33, 88.37], whose results are normal: fewer operations, of
   * which the compiler takes only so many in one method.
   */
  private static FloatVector expOfNormal(FloatVector x) {
    FloatVector rounder = FloatVector.broadcast(Vectors.F, ROUNDER);
    FloatVector rounded = x.fma(FloatVector.broadcast(Vectors.F, LOG2_E), rounder);
    FloatVector n = rounded.sub(rounder);
    FloatVector r = n.fma(FloatVector.broadcast(Vectors.F, -LN2_HIGH), x);
    r = n.fma(FloatVector.broadcast(Vectors.F, -LN2_LOW), r);
    IntVector power = rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
    return taylor(r).mul(power.add(EXPONENT_OF_ONE).reinterpretAsFloats());
  }

  /** eʳ for |r| ≤ ½ ln 2. */
  private static FloatVector taylor(FloatVector r) {
    FloatVector p = FloatVector.broadcast(Vectors.F, 1f / 5040);
    p = p.fma(r, FloatVector.broadcast(Vectors.F, 1f / 720));
    p = p.fma(r, FloatVector.broadcast(Vectors.F, 1f / 120));
    p = p.fma(r, FloatVector.broadcast(Vectors.F, 1f / 24));
    p = p.fma(r, FloatVector.broadcast(Vectors.F, 1f / 6));
    p = p.fma(r, FloatVector.broadcast(Vectors.F, 0.5f));
    FloatVector one = FloatVector.broadcast(Vectors.F, 1f);
    return p.fma(r, one).fma(r, one);
  }

  /** GELU in its tanh form, written as {@code x · sigmoid(2√(2/π)(x + 0.044715x³))}. */
  static FloatVector gelu(FloatVector x) {
    return x.div(exp(minusTwiceInner(x)).add(1f));
  }

  /**
   * Derivative of {@link #gelu}: with e = exp(−u), s = 1 / (1 + e) the sigmoid of u, {@code s +
   * x·s(1 − s)·u'(x)}, where 1 − s is computed as e·s to keep its digits.
   */
  static FloatVector geluDerivative(FloatVector argument) {
    FloatVector bound = FloatVector.broadcast(Vectors.F, GELU_SATURATION);
    FloatVector x = argument.blend(bound, argument.compare(VectorOperators.GT, bound));
    bound = bound.neg();
    x = x.blend(bound, x.compare(VectorOperators.LT, bound));
    FloatVector one = FloatVector.broadcast(Vectors.F, 1f);
    FloatVector e = expOfNormal(minusTwiceInner(x));
    FloatVector s = one.div(e.add(one));
    FloatVector slope =
        x.mul(x)
            .fma(
                FloatVector.broadcast(Vectors.F, 6 * GELU_SCALE * GELU_CUBE),
                FloatVector.broadcast(Vectors.F, 2 * GELU_SCALE));
    return x.mul(slope).mul(e.mul(s)).fma(s, s);
  }

  /** −2√(2/π)(x + 0.044715x³). */
  private static FloatVector minusTwiceInner(FloatVector x) {
    return x.mul(x)
        .fma(
            FloatVector.broadcast(Vectors.F, -2 * GELU_SCALE * GELU_CUBE),
            FloatVector.broadcast(Vectors.F, -2 * GELU_SCALE))
        .mul(x);
  }
}
