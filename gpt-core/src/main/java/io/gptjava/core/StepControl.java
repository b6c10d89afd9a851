package io.gptjava.core;

import java.util.function.Supplier;

/**
 * The scalars of a training step, kept where the ops can read them. Ops never take them as Java
 * arguments: a captured device graph would freeze those.
 *
 * <p>Order of calls in a step: {@link #begin}, then per micro-batch {@link #microBatch} and the
 * model's ops, then {@link Ops#globalGradientNorm} and {@link Ops#adamW}, then {@link #read} or
 * {@link #readLater}.
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

  /**
   * Sets the number of optimizer updates made so far, after loading a checkpoint, and ends a halt.
   */
  void restoreUpdates(long updates);

  /**
   * Whether a skipped update halts the run: later updates are skipped too, until {@link
   * #restoreUpdates}. So that the weights stay those before the bad step when the next one is
   * issued before its results are read. Off at first.
   */
  void haltAfterSkip(boolean halt);

  /**
   * Scales the loss dynamically from the next step on, beside {@link StepInputs#lossScale}: {@link
   * Ops#headCrossEntropy} multiplies its gradients by the scale, {@link Ops#globalGradientNorm}
   * takes it out again before it clips, and then decides on the scale of the next step. A step
   * skipped for an overflow halts a run only if its scale is exhausted, then even if {@link
   * #haltAfterSkip} is off; the scale stays while halted. {@link LossScaling#OFF} at first.
   *
   * @param from the scale to begin with: {@link LossScale#INITIAL}, or a checkpoint's
   */
  void scaleLoss(LossScaling scaling, LossScale from);

  /** Waits for the ops issued so far and returns the step's results. */
  StepOutputs read();

  /**
   * Asks for the step's results behind the ops issued so far, without waiting: the next step may
   * begin before they are looked at. At most {@link #MOST_PENDING} may be outstanding.
   *
   * @return waits for them and returns them
   */
  default Supplier<StepOutputs> readLater() {
    StepOutputs outputs = read();
    return () -> outputs;
  }

  /** How many results of {@link #readLater} may be outstanding at a time. */
  int MOST_PENDING = 4;
}
