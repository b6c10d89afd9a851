package io.gptjava.train;

/**
 * Where a run stands: with parameters and moments, all that a checkpoint needs. Random streams and
 * data order are functions of seed, step and epoch, so there is no generator state.
 *
 * @param step optimizer steps done: the number of the next step
 * @param epoch epoch of the next batch, from 0
 * @param batch next batch in that epoch, from 0
 * @param tokens tokens trained on so far
 * @param updates optimizer updates made (steps less skipped ones)
 * @param bestLoss lowest validation loss so far; NaN before the first evaluation
 * @param bestStep step of the checkpoint or evaluation that had it; −1 for none
 * @param evaluationsWithoutImprovement since the best
 */
public record TrainerState(
    long step,
    int epoch,
    int batch,
    long tokens,
    long updates,
    double bestLoss,
    long bestStep,
    int evaluationsWithoutImprovement) {
  /** A run that has not begun. */
  public static final TrainerState START = new TrainerState(0, 0, 0, 0, 0, Double.NaN, -1, 0);
}
