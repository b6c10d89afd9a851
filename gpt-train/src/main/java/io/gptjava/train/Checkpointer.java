package io.gptjava.train;

import java.nio.file.Path;
import java.util.Optional;

/** Writes the state of a run where it can be resumed from, and reads it back. */
@FunctionalInterface
public interface Checkpointer {
  /**
   * Writes a checkpoint of the trainer's model and this state.
   *
   * @param validationLoss of these weights; NaN if the run does not evaluate
   * @return the checkpoint's folder
   */
  Path save(TrainerState state, double validationLoss);

  /**
   * Puts the model's weights and the optimizer's moments back to the newest checkpoint, or, where
   * there is none yet, to where the run began.
   *
   * @return where the run stood then; empty if this one cannot go back
   */
  default Optional<Restored> restore() {
    return Optional.empty();
  }

  /**
   * Where a run stands again.
   *
   * @param validationLoss as it was saved
   */
  record Restored(TrainerState state, double validationLoss) {}
}
