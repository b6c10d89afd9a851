package io.gptjava.core;

/**
 * The scalars of a training step, kept where the ops can read them. Ops never take them as Java
 * arguments: a captured device graph would freeze those.
 *
 * <p>Order of calls in a step: {@link #begin}, then per micro-batch {@link #microBatch} and the
 * model's ops, then {@link Ops#globalGradientNorm} and {@link Ops#adamW}, then {@link #read}.
 */
public interface StepControl {
  /** Publishes the scalars of the next step and clears the loss, the norm and the skip flag. */
  void begin(StepInputs inputs);

  /**
   * Names the micro-batch that the next ops work on.
   *
   * @param firstSample place of its first sample in the global batch
   */
  void microBatch(int firstSample);

  /** Sets the number of optimizer updates made so far, after loading a checkpoint. */
  void restoreUpdates(long updates);

  /** Waits for the ops issued so far and returns the step's results. */
  StepOutputs read();
}
