package io.gptjava.train;

import java.util.Locale;

/**
 * A step that jumped.
 *
 * @param measure what jumped
 * @param value of it
 * @param deviations that the value lies above the mean of the good steps before
 * @param steps how many good steps those were
 */
record Spike(Measure measure, double value, double deviations, int steps) {
  /** What is looked at. */
  enum Measure {
    /** Mean loss of the step. */
    LOSS("the loss", "loss_spike"),
    /** Global gradient norm before clipping, on a logarithmic scale. */
    GRADIENT_NORM("the gradient norm", "grad_norm_spike");

    private final String text;
    private final String kind;

    Measure(String text, String kind) {
      this.text = text;
      this.kind = kind;
    }
  }

  /** What a log calls it. */
  String kind() {
    return measure.kind;
  }

  /** For people. */
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%s %.4g is %.1f standard deviations above the %d good steps before",
        measure.text,
        value,
        deviations,
        steps);
  }
}
