package io.gptjava.train;

import io.gptjava.core.LossScale;
import io.gptjava.core.LossScaling;
import io.gptjava.core.Precision;
import io.gptjava.core.StepControl;
import io.gptjava.core.StepOutputs;
import java.util.Optional;

/**
 * Dynamic loss scaling as the trainer sees it. The scale lives and moves with the backend's ops
 * ({@link LossScaling}); here it begins, is followed step by step, and its skips are told from
 * divergence. In precisions without scaling all of this does nothing, and the state of a run keeps
 * the scale that it had.
 */
final class LossScaler {
  private final LossScaling scaling;
  private final StepControl control;
  private LossScale last;

  /**
   * Begins or goes on with scaling.
   *
   * @param from scale of the next step
   */
  LossScaler(Precision precision, StepControl control, LossScale from) {
    scaling = precision.lossScaling();
    this.control = control;
    goOnWith(from);
  }

  /** Goes on with another scale, that of a state that the run goes back to. */
  void goOnWith(LossScale from) {
    control.scaleLoss(scaling, scaling.dynamic() ? from : LossScale.NONE);
    last = from;
  }

  /**
   * Follows the scale over a step, in the order of the steps.
   *
   * @return what to tell if it changed
   */
  Optional<TrainingEvent> follow(long step, StepOutputs outputs) {
    if (!scaling.dynamic()) {
      return Optional.empty();
    }
    LossScale before = last;
    last = outputs.lossScale();
    return before.value() == last.value()
        ? Optional.empty()
        : Optional.of(new TrainingEvent.LossScaled(step, last.value(), outputs.skipped()));
  }

  /** Whether a step was skipped as a matter of course, to find a scale that fits. */
  boolean excuses(StepOutputs outputs) {
    return scaling.dynamic() && outputs.skipped() && !scaling.exhausted(outputs.lossScale());
  }

  /** Whether the scale has fallen so far that the run must end. */
  boolean exhausted(StepOutputs outputs) {
    return outputs.skipped() && scaling.exhausted(outputs.lossScale());
  }

  /** The scale after the last step followed. */
  LossScale scale() {
    return last;
  }
}
