package io.gptjava.core.contract;

import io.gptjava.core.DType;

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

  /**
   * One rounding to a narrow type in unit roundoffs of binary32, whose 24 significant bits become 8
   * in bf16 and 11 in fp16; 0 for F32, whose roundings every bound counts anyway.
   */
  static double roundoffs(DType type) {
    return switch (type) {
      case BF16 -> 1 << 16;
      case F16 -> 1 << 13;
      default -> 0;
    };
  }

  /**
   * What a rounding is off by below a type's normal range, where it is no longer relative: half of
   * the smallest number. fp16's is 2⁻²⁵, which matters; those of types with binary32's exponents
   * vanish.
   */
  static double underflow(DType type) {
    return type == DType.F16 ? 0x1p-25 : Float.MIN_NORMAL;
  }

  /** What remains allowed when the value is rounded to a type at the end. */
  static Tolerance storedAs(DType type, Tolerance exact) {
    if (type == DType.F32) {
      return exact;
    }
    return (index, expected) -> {
      double allowed = exact.allowed(index, expected);
      return allowed
          + roundoffs(type) * UNIT_ROUNDOFF * (Math.abs(expected) + allowed)
          + underflow(type);
    };
  }

  /** An absolute bound for each element. */
  static Tolerance absolute(double[] bounds) {
    return (index, expected) -> bounds[index];
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
