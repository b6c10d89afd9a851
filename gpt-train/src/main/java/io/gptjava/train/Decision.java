package io.gptjava.train;

/**
 * What the trainer did about a step that went wrong.
 *
 * @param kind {@code non_finite}, {@code loss_spike} or {@code grad_norm_spike}
 * @param batch the step's data, for people
 * @param value of the loss or the gradient norm; NaN or infinite if that is what is wrong
 * @param deviations that the value lies above the mean of the good steps before; NaN if it is not
 *     finite
 * @param threshold deviations from which on a step is a spike; NaN if the value is not finite
 * @param action what was done
 * @param backTo optimizer steps done in the state that the run went back to; steps reported from
 *     there on do not count, and those that follow take their place; −1 if it did not go back
 */
public record Decision(
    String kind,
    String batch,
    double value,
    double deviations,
    double threshold,
    Action action,
    long backTo) {
  /** What can be done. */
  public enum Action {
    /** The update was dropped. */
    SKIP,
    /** The run went back and leaves the data out. */
    ROLLBACK,
    /** The run ended. */
    STOP
  }
}
