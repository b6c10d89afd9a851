package io.gptjava.core;

/** bfloat16, the upper half of an fp32, one number at a time. */
public final class BFloat16 {
  private static final int HALF_BITS = Short.SIZE;
  private static final int BELOW_HALF = (1 << HALF_BITS - 1) - 1;
  private static final int EXPONENT = 0x7f800000;

  /** Keeps a NaN's significand from becoming zero, which is infinity. */
  private static final int QUIET = 1 << 22;

  private BFloat16() {}

  /** The float with the bits of a half. */
  public static float widen(short half) {
    return Float.intBitsToFloat(half << HALF_BITS);
  }

  /** The nearest half, ties to even; a NaN keeps its sign and stays a NaN. */
  public static short round(float x) {
    int bits = Float.floatToRawIntBits(x);
    int rounded = bits + BELOW_HALF + (bits >>> HALF_BITS & 1);
    return (short) ((x != x ? bits | QUIET : rounded) >>> HALF_BITS);
  }

  /**
   * A half above or below by chance, above with the probability of the discarded fraction, so that
   * the expected value is the number itself (Gupta et al., "Deep learning with limited numerical
   * precision", 2015). Updates too small for bf16 then still move a weight on average.
   *
   * <p>Infinities and NaN stay what they are; what exceeds the largest half may become infinite.
   *
   * @param random16 uniform in [0, 65536)
   */
  public static short roundByChance(float x, int random16) {
    int bits = Float.floatToRawIntBits(x);
    return (bits & EXPONENT) == EXPONENT ? round(x) : (short) (bits + random16 >>> HALF_BITS);
  }
}
