package io.gptjava.core;

/**
 * Inverted dropout at one site of the model: each element is zeroed with probability {@link
 * #probability()} and the rest scaled by {@link #scale()}, so that the expectation is unchanged
 * (Srivastava et al., 2014).
 *
 * <p>An element is kept when its 16-bit lane of the {@link Philox} stream is at least {@link
 * #threshold()}; the probability is thus a multiple of 2⁻¹⁶, and the scale is its exact inverse.
 * Which lane belongs to which element is defined by {@link DropoutLayout}.
 *
 * @param threshold number of the 65,536 lane values that drop an element, 0 for no dropout
 * @param purpose one of the {@code PURPOSE} constants of {@link Philox}
 * @param site which use in the model: the layer and the place in it
 */
public record Dropout(int threshold, int purpose, int site) {
  /** No dropout: the op is the identity at this site. */
  public static final Dropout NONE = new Dropout(0, 0, 0);

  /** Validates the ranges of the counter's fields. */
  public Dropout {
    if (threshold < 0 || threshold >= 65_536) {
      throw new IllegalArgumentException("dropout probability must be in [0, 1)");
    }
  }

  /**
   * Dropout with the nearest representable probability.
   *
   * @param probability in [0, 1)
   */
  public static Dropout of(float probability, int purpose, int site) {
    if (!(probability >= 0 && probability < 1)) {
      throw new IllegalArgumentException(
          "dropout probability " + probability + " is not in [0, 1)");
    }
    return new Dropout(Math.min(65_535, Math.round(probability * 65_536f)), purpose, site);
  }

  /** Whether anything is dropped. */
  public boolean active() {
    return threshold > 0;
  }

  /** The probability that an element is zeroed. */
  public float probability() {
    return threshold / 65_536f;
  }

  /** What kept elements are multiplied by: 1 / (1 − p). */
  public float scale() {
    return 65_536f / (65_536 - threshold);
  }
}
