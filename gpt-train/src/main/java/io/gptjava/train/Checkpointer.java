package io.gptjava.train;

import java.nio.file.Path;

/** Writes the state of a run where it can be resumed from. */
@FunctionalInterface
public interface Checkpointer {
  /**
   * Writes a checkpoint of the trainer's model and this state.
   *
   * @param validationLoss of these weights; NaN if the run does not evaluate
   * @return the checkpoint's folder
   */
  Path save(TrainerState state, double validationLoss);
}
