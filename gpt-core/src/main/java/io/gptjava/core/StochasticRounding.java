package io.gptjava.core;

/**
 * Rounds fp32 to bf16 up or down by chance, up with the probability of the discarded fraction, so
 * that the expected value is the number itself (Gupta et al., "Deep learning with limited numerical
 * precision", 2015). Updates too small for bf16 then still move a weight on average.
 *
 * <p>Element i takes 16-bit lane {@code i % 8} of the {@link Philox} block of index {@code i / 8},
 * step word = the count of optimizer updates, {@link Philox#PURPOSE_STOCHASTIC_ROUNDING}: a resumed
 * run rounds as the one that was interrupted.
 */
public final class StochasticRounding {
  private static final int EXPONENT = 0x7f800000;

  private StochasticRounding() {}

  /**
   * Bits of a rounded number; infinities and NaN stay what they are, and what exceeds the largest
   * bf16 may become infinite.
   *
   * @param random16 uniform in [0, 65536)
   */
  public static short round(float x, int random16) {
    int bits = Float.floatToRawIntBits(x);
    if ((bits & EXPONENT) == EXPONENT) {
      return (short) (Float.isNaN(x) ? bits >>> 16 | 0x40 : bits >>> 16);
    }
    return (short) (bits + random16 >>> 16);
  }
}
