package io.gptjava.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The exponential of a score below its row's reference: {@link VectorMath#exp} without what only
 * large arguments and subnormal results need, which is a third of its work.
 */
final class SoftmaxWeight {
  /** From here on down the result is exactly 0: the power of two's exponent bits are. */
  private static final float LOWEST = (float) (-127 * Math.log(2));

  private static final float LOG2_E = (float) (1 / Math.log(2));
  private static final float LN2_HIGH = (float) Math.log(2);
  private static final float LN2_LOW = (float) (Math.log(2) - (double) LN2_HIGH);

  /** 1.5·2²³: adding it rounds to an integer and leaves that integer in the low mantissa bits. */
  private static final float ROUNDER = 0x1.8p23f;

  private SoftmaxWeight() {}

  /**
   * eˣ for x ≤ 88, within 1.5 units in the last place; 0 below 2⁻¹²⁶, NaN at NaN. The same
   * polynomial as {@link VectorMath#exp}.
   */
  static FloatVector of(FloatVector argument) {
    FloatVector low = FloatVector.broadcast(Vectors.F, LOWEST);
    FloatVector x = argument.blend(low, argument.compare(VectorOperators.LT, low));
    FloatVector rounder = FloatVector.broadcast(Vectors.F, ROUNDER);
    FloatVector rounded = x.fma(FloatVector.broadcast(Vectors.F, LOG2_E), rounder);
    FloatVector n = rounded.sub(rounder);
    FloatVector r = n.fma(FloatVector.broadcast(Vectors.F, -LN2_HIGH), x);
    r = n.fma(FloatVector.broadcast(Vectors.F, -LN2_LOW), r);

    FloatVector p = FloatVector.broadcast(Vectors.F, 1f / 5040);
    p = p.fma(r, FloatVector.broadcast(Vectors.F, 1f / 720));
    p = p.fma(r, FloatVector.broadcast(Vectors.F, 1f / 120));
    p = p.fma(r, FloatVector.broadcast(Vectors.F, 1f / 24));
    p = p.fma(r, FloatVector.broadcast(Vectors.F, 1f / 6));
    p = p.fma(r, FloatVector.broadcast(Vectors.F, 0.5f));
    FloatVector one = FloatVector.broadcast(Vectors.F, 1f);
    p = p.fma(r, one).fma(r, one);

    IntVector power = rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
    return p.mul(power.add(0x3F800000).reinterpretAsFloats());
  }
}
