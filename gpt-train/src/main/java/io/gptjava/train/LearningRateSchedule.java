package io.gptjava.train;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.config.OptimizerConfig;

/**
 * Learning rate and clipping threshold of every optimizer step: linear warm-up, then constant,
 * linear, cosine or warm-up-stable-decay. Steps count from 0; the last one is {@code totalSteps −
 * 1}.
 */
public final class LearningRateSchedule {
  /** Warm-up-stable-decay spends this part of all steps on its decay. */
  private static final long WSD_DECAY_PART = 5;

  private final OptimizerConfig config;
  private final long totalSteps;
  private final long warmupSteps;

  /**
   * A schedule.
   *
   * @param totalSteps optimizer steps of the whole run, at least 1
   * @throws GptException with {@link Failure#USAGE} for a rate or threshold that cannot work
   */
  public LearningRateSchedule(OptimizerConfig config, long totalSteps) {
    if (totalSteps < 1) {
      throw new GptException(
          Failure.USAGE,
          "The run has %d steps; raise --steps, --epochs or --tokens".formatted(totalSteps));
    }
    check("--lr", config.learningRate());
    check("--initial-lr", config.initialLearningRate());
    check("--min-lr", config.minLearningRate());
    check("--clip-norm", config.clipNorm());
    check("--warmup-ratio", config.warmupRatio());
    if (config.warmupRatio() > 1) {
      throw new GptException(
          Failure.USAGE,
          "--warmup-ratio %s is more than the whole run; use a share between 0 and 1"
              .formatted(config.warmupRatio()));
    }
    check("--warmup-steps", config.warmupSteps());
    this.config = config;
    this.totalSteps = totalSteps;
    this.warmupSteps =
        config.warmupRatio() > 0
            ? (long) (config.warmupRatio() * totalSteps)
            : config.warmupSteps();
  }

  private static void check(String flag, double value) {
    if (!(value >= 0) || Double.isInfinite(value)) {
      throw new GptException(
          Failure.USAGE, "%s %s must be a number that is not negative".formatted(flag, value));
    }
  }

  /** Optimizer steps of the whole run. */
  public long totalSteps() {
    return totalSteps;
  }

  /** Steps of linear warm-up; a share of the run is rounded down. */
  public long warmupSteps() {
    return warmupSteps;
  }

  /**
   * Learning rate of a step. In warm-up {@code init + step·(peak − init)/warmup}; the step after it
   * has the peak. A cosine then follows {@code min + (peak − min)·½(1 + cos π·p)} with {@code p =
   * (step − warmup)/(total − warmup)} (Loshchilov and Hutter, "SGDR", 2017).
   *
   * @param step from 0; beyond the last step the decayed rate holds
   */
  public double learningRate(long step) {
    double peak = config.learningRate();
    double min = config.minLearningRate();
    if (step < warmupSteps) {
      double initial = config.initialLearningRate();
      return initial + step * (peak - initial) / warmupSteps;
    }
    return switch (config.schedule()) {
      case CONSTANT -> peak;
      case LINEAR -> min + (peak - min) * (1 - progress(step, warmupSteps));
      case COSINE ->
          min + (peak - min) * 0.5 * (1 + StrictMath.cos(Math.PI * progress(step, warmupSteps)));
      case WSD -> {
        long decayStart = Math.max(warmupSteps, totalSteps - totalSteps / WSD_DECAY_PART);
        yield step < decayStart ? peak : min + (peak - min) * (1 - progress(step, decayStart));
      }
    };
  }

  /** Share of the way from {@code start} to the end of the run, at most 1. */
  private double progress(long step, long start) {
    return step >= totalSteps ? 1 : (double) (step - start) / (totalSteps - start);
  }

  /**
   * Largest global gradient norm that a step lets through.
   *
   * @param step from 0
   * @return 0 for no clipping
   */
  public double clipNorm(long step) {
    return config.clipAfterWarmup() && step < warmupSteps ? 0 : config.clipNorm();
  }
}
