package io.gptjava.train;

import io.gptjava.core.DeviceReadings;
import java.nio.file.Path;
import java.util.Optional;

/** What a {@link TrainingListener} hears, in the order in which it happens. */
public sealed interface TrainingEvent {
  /**
   * Training begins or goes on.
   *
   * @param resumedFrom step of the checkpoint it continues from; −1 for a new run
   * @param totalSteps number of optimizer steps of the whole run
   * @param stepsPerEpoch optimizer steps of one epoch
   * @param batchesPerEpoch training batches of one epoch
   * @param validationBatches batches of the validation split, 0 for none
   * @param parameters number of trainable parameters
   * @param device what runs it, for people
   * @param flopsPerToken useful work of training on a token ({@link ModelFlops}); NaN if not told
   * @param datasheetFlops FLOP/s of the device by its data sheet; NaN where not known
   */
  record Started(
      long resumedFrom,
      long totalSteps,
      long stepsPerEpoch,
      long batchesPerEpoch,
      long validationBatches,
      long parameters,
      String device,
      double flopsPerToken,
      double datasheetFlops)
      implements TrainingEvent {
    /** Without figures to measure speed by. */
    public Started(
        long resumedFrom,
        long totalSteps,
        long stepsPerEpoch,
        long batchesPerEpoch,
        long validationBatches,
        long parameters,
        String device) {
      this(
          resumedFrom,
          totalSteps,
          stepsPerEpoch,
          batchesPerEpoch,
          validationBatches,
          parameters,
          device,
          Double.NaN,
          Double.NaN);
    }
  }

  /**
   * One optimizer step is done.
   *
   * @param step number of the step, from 0
   * @param epoch from 1
   * @param stepInEpoch from 0
   * @param loss mean over the step's tokens, before the update
   * @param learningRate that the update used
   * @param gradientNorm global norm before clipping
   * @param skipped whether the update was skipped because the norm was not finite (in fp16 now and
   *     then a matter of course, see {@link LossScaled}), or dropped by the spike guard
   * @param tokens trained on so far, this step included
   * @param milliseconds that the step took
   * @param tokensPerSecond over the last steps, their own time alone ({@link Throughput})
   * @param readings of the device, with every tenth step where there are any
   */
  record Step(
      long step,
      int epoch,
      long stepInEpoch,
      double loss,
      double learningRate,
      double gradientNorm,
      boolean skipped,
      long tokens,
      double milliseconds,
      double tokensPerSecond,
      Optional<DeviceReadings> readings)
      implements TrainingEvent {
    /** Without readings. */
    public Step(
        long step,
        int epoch,
        long stepInEpoch,
        double loss,
        double learningRate,
        double gradientNorm,
        boolean skipped,
        long tokens,
        double milliseconds,
        double tokensPerSecond) {
      this(
          step,
          epoch,
          stepInEpoch,
          loss,
          learningRate,
          gradientNorm,
          skipped,
          tokens,
          milliseconds,
          tokensPerSecond,
          Optional.empty());
    }
  }

  /**
   * An evaluation, after the update of the step it is reported with, dropout off.
   *
   * @param trainLoss mean of the batches' mean losses; NaN over no batches
   * @param validationLoss the same for the validation split
   * @param milliseconds that it took
   */
  record Evaluated(
      long step,
      int epoch,
      double trainLoss,
      double validationLoss,
      long tokens,
      double milliseconds)
      implements TrainingEvent {}

  /**
   * A generated sample.
   *
   * @param text prompt and continuation
   */
  record Sampled(long step, int epoch, String text) implements TrainingEvent {}

  /** A checkpoint has been written. */
  record Saved(long step, int epoch, Path folder, double milliseconds) implements TrainingEvent {}

  /**
   * An epoch is complete.
   *
   * @param step last step of the epoch
   * @param epoch from 1
   */
  record EpochEnded(long step, int epoch) implements TrainingEvent {}

  /**
   * The dynamic loss scale of fp16 has changed.
   *
   * @param step whose gradients decided it
   * @param scale of the next step
   * @param skipped whether those gradients overflowed, so that the step updated nothing; otherwise
   *     the scale grew
   */
  record LossScaled(long step, float scale, boolean skipped) implements TrainingEvent {}

  /**
   * Something the user should know.
   *
   * @param decision what the trainer did about a step that went wrong, if it is about one
   */
  record Warning(long step, String message, Optional<Decision> decision) implements TrainingEvent {
    /** One that nothing was decided about. */
    public Warning(long step, String message) {
      this(step, message, Optional.empty());
    }
  }

  /**
   * Training is over.
   *
   * @param step last step done; −1 if there was none
   * @param reason why: {@code finished}, {@code stopped}, {@code no improvement}, {@code diverged}
   * @param tokens trained on so far
   * @param seconds since {@link Started}
   * @param summary of the training since then
   */
  record Ended(long step, String reason, long tokens, double seconds, RunSummary summary)
      implements TrainingEvent {
    /** Without a summary. */
    public Ended(long step, String reason, long tokens, double seconds) {
      this(step, reason, tokens, seconds, RunSummary.UNKNOWN);
    }
  }
}
