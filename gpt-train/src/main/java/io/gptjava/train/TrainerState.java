package io.gptjava.train;

import io.gptjava.core.LossScale;

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
 * @param bestStep steps done when it was found; −1 for none
 * @param evaluationsWithoutImprovement since the best
 * @param lossScale dynamic loss scale of the next step; in a precision that has none it is carried
 *     along
 */
public record TrainerState(
    long step,
    int epoch,
    int batch,
    long tokens,
    long updates,
    double bestLoss,
    long bestStep,
    int evaluationsWithoutImprovement,
    LossScale lossScale) {
  /** A run that has not begun. */
  public static final TrainerState START =
      new TrainerState(0, 0, 0, 0, 0, Double.NaN, -1, 0, LossScale.INITIAL);

  /** Whether the last step was the last of its epoch. */
  public boolean atEpochEnd() {
    return step > 0 && batch == 0;
  }

  /** Epoch of the last step, from 1. */
  public int lastEpoch() {
    return atEpochEnd() ? epoch : epoch + 1;
  }

  /**
   * The state after one more step, if its update is not skipped.
   *
   * @param batches micro-batches that the step used
   * @param batchesPerEpoch after which the next epoch begins
   * @param stepTokens tokens of the step
   */
  TrainerState advance(int batches, int batchesPerEpoch, long stepTokens) {
    boolean epochDone = batch + batches == batchesPerEpoch;
    return new TrainerState(
        step + 1,
        epochDone ? epoch + 1 : epoch,
        epochDone ? 0 : batch + batches,
        tokens + stepTokens,
        updates + 1,
        bestLoss,
        bestStep,
        evaluationsWithoutImprovement,
        lossScale);
  }

  /** The same with what the optimizer counted and where it left the loss scale. */
  TrainerState withUpdates(long newUpdates, LossScale newLossScale) {
    return new TrainerState(
        step,
        epoch,
        batch,
        tokens,
        newUpdates,
        bestLoss,
        bestStep,
        evaluationsWithoutImprovement,
        newLossScale);
  }

  /** The state after an evaluation. */
  TrainerState evaluated(double validationLoss) {
    boolean better = Double.isFinite(validationLoss) && !(validationLoss >= bestLoss);
    return new TrainerState(
        step,
        epoch,
        batch,
        tokens,
        updates,
        better ? validationLoss : bestLoss,
        better ? step : bestStep,
        better ? 0 : evaluationsWithoutImprovement + 1,
        lossScale);
  }
}
