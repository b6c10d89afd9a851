package io.gptjava.core.contract;

/**
 * How far a result may lie from the reference, element by element: a number of unit roundoffs u =
 * 2⁻²⁴ times the magnitude of the terms that the element is made of.
 *
 * <p>A sum of n rounded terms t is off by at most (n − 1)·u·Σ|t|. Roundings are independent in
 * sign, so they grow as √n instead (Higham, <i>Accuracy and Stability of Numerical Algorithms</i>,
 * 2.8): {@link #ofSum} allows (4 + √n)·u·Σ|t|, the 4 for products, stores and the operands' own
 * rounding. That holds for any order of summation and is far below what one missing term, fp16,
 * bf16 or TF32 would cause.
 */
@FunctionalInterface
public interface Tolerance {
  /** Unit roundoff of binary32. */
  double UNIT_ROUNDOFF = 0x1p-24;

  /** Largest allowed difference at an index. */
  double allowed(int index, double expected);

  /** Not a bit of difference in value. */
  static Tolerance exact() {
    return (index, expected) -> 0;
  }

  /** Relative to the expected value; below the normal range anything goes. */
  static Tolerance relative(double roundoffs) {
    return (index, expected) -> roundoffs * UNIT_ROUNDOFF * Math.abs(expected) + Float.MIN_NORMAL;
  }

  /** The same absolute bound for all elements. */
  static Tolerance uniform(double roundoffs, double magnitude) {
    return (index, expected) -> roundoffs * UNIT_ROUNDOFF * magnitude;
  }

  /** Relative to a magnitude per element; exact where that is 0. */
  static Tolerance scaled(double roundoffs, double[] magnitudes) {
    return (index, expected) ->
        magnitudes[index] == 0
            ? 0
            : roundoffs * UNIT_ROUNDOFF * magnitudes[index] + Float.MIN_NORMAL;
  }

  /**
   * For sums of n terms.
   *
   * @param magnitudes Σ|t| of each element
   */
  static Tolerance ofSum(long terms, double[] magnitudes) {
    return scaled(sumRoundoffs(terms), magnitudes);
  }

  /** One bf16 rounding, in unit roundoffs of binary32: bf16 has 8 significant bits of 24. */
  double BF16_ROUNDOFF = 1 << 16;

  /** What remains allowed when the value is rounded to bf16 at the end. */
  static Tolerance storedAsBf16(Tolerance exact) {
    return (index, expected) -> {
      double allowed = exact.allowed(index, expected);
      return allowed
          + BF16_ROUNDOFF * UNIT_ROUNDOFF * (Math.abs(expected) + allowed)
          + Float.MIN_NORMAL;
    };
  }

  /** This and another source of error. */
  default Tolerance plus(Tolerance other) {
    return (index, expected) -> allowed(index, expected) + other.allowed(index, expected);
  }

  /** 4 + √n. */
  static double sumRoundoffs(long terms) {
    return 4 + Math.sqrt(terms);
  }
}
