package io.gptjava.train.config;

/**
 * How long to train.
 *
 * @param unit what is counted
 * @param amount how many, at least 1
 */
public record Duration(Unit unit, long amount) {
  /** What a duration counts. */
  public enum Unit {
    /** Passes over the training windows. */
    EPOCHS,
    /** Optimizer updates. */
    STEPS,
    /** Trained tokens; rounded up to whole steps. */
    TOKENS
  }
}
