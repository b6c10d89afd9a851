package io.gptjava.train.config;

/**
 * What a run keeps.
 *
 * @param save when to write a checkpoint; one is always written at the end
 * @param keep newest checkpoints to keep besides the best; 0 for all
 * @param onNan what to do when the loss is no longer finite
 * @param stopAfterNoImprovement evaluations without a better validation loss before stopping; 0 for
 *     never
 */
public record KeepConfig(Cadence save, int keep, OnNan onNan, int stopAfterNoImprovement) {
  /** What to do about a loss that is not a finite number. */
  public enum OnNan {
    /** Stop the run. */
    STOP,
    /** Go back to the last checkpoint and continue past the offending data. */
    ROLLBACK
  }
}
