package io.gptjava.train;

import io.gptjava.core.LossScale;
import io.gptjava.train.data.DataSpan;
import java.util.List;

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
 * @param guard what tells good steps from bad ones, and the data left out
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
    LossScale lossScale,
    GuardState guard) {
  /** A run that has not begun. */
  public static final TrainerState START =
      new TrainerState(0, 0, 0, 0, 0, Double.NaN, -1, 0, LossScale.INITIAL, GuardState.EMPTY);

  /** Whether the last step was the last of its epoch. */
  public boolean atEpochEnd() {
    return step > 0 && batch == 0;
  }

  /** Epoch of the last step, from 1. */
  public int lastEpoch() {
    return atEpochEnd() ? epoch : epoch + 1;
  }

  /** The data of a step that begins here. */
  DataSpan span(int batches) {
    return new DataSpan(epoch, batch, batches);
  }

  /**
   * The state after one more step, if its update is not skipped.
   *
   * @param batches micro-batches that the step used
   * @param batchesPerEpoch after which the next epoch begins
   * @param stepTokens tokens of the step
   */
  TrainerState advance(int batches, int batchesPerEpoch, long stepTokens) {
    Copy copy = new Copy(past(batches, batchesPerEpoch));
    copy.step++;
    copy.tokens += stepTokens;
    copy.updates++;
    return copy.build();
  }

  /** The state that goes on behind the next data, without a step. */
  TrainerState past(int batches, int batchesPerEpoch) {
    boolean epochDone = batch + batches == batchesPerEpoch;
    Copy copy = new Copy(this);
    copy.epoch = epochDone ? epoch + 1 : epoch;
    copy.batch = epochDone ? 0 : batch + batches;
    return copy.build();
  }

  /** The same with what steps have decided that were issued before. */
  TrainerState withResults(long newUpdates, LossScale newLossScale, GuardState newGuard) {
    Copy copy = new Copy(this);
    copy.updates = newUpdates;
    copy.lossScale = newLossScale;
    copy.guard = newGuard;
    return copy.build();
  }

  /** The same with more data that is left out. */
  TrainerState passingOver(List<DataSpan> more) {
    return withResults(updates, lossScale, guard.passingOver(more));
  }

  /** The state after an evaluation. */
  TrainerState evaluated(double validationLoss) {
    boolean better = Double.isFinite(validationLoss) && !(validationLoss >= bestLoss);
    Copy copy = new Copy(this);
    copy.bestLoss = better ? validationLoss : bestLoss;
    copy.bestStep = better ? step : bestStep;
    copy.evaluationsWithoutImprovement = better ? 0 : evaluationsWithoutImprovement + 1;
    return copy.build();
  }

  /** A copy whose components are variables. */
  private static final class Copy {
    private long step;
    private int epoch;
    private int batch;
    private long tokens;
    private long updates;
    private double bestLoss;
    private long bestStep;
    private int evaluationsWithoutImprovement;
    private LossScale lossScale;
    private GuardState guard;

    Copy(TrainerState original) {
      step = original.step;
      epoch = original.epoch;
      batch = original.batch;
      tokens = original.tokens;
      updates = original.updates;
      bestLoss = original.bestLoss;
      bestStep = original.bestStep;
      evaluationsWithoutImprovement = original.evaluationsWithoutImprovement;
      lossScale = original.lossScale;
      guard = original.guard;
    }

    TrainerState build() {
      return new TrainerState(
          step,
          epoch,
          batch,
          tokens,
          updates,
          bestLoss,
          bestStep,
          evaluationsWithoutImprovement,
          lossScale,
          guard);
    }
  }
}
