package io.gptjava.train.config;

import io.gptjava.core.AdamWSettings;

/**
 * AdamW, its learning-rate schedule and gradient clipping.
 *
 * @param adamW β₁, β₂, ε, weight decay
 * @param decayAll whether every parameter decays; otherwise every tensor of two dimensions,
 *     embeddings included
 * @param learningRate peak
 * @param initialLearningRate where warm-up begins
 * @param minLearningRate where the decay ends
 * @param schedule what happens after warm-up
 * @param warmupSteps optimizer steps of linear warm-up; ignored if {@code warmupRatio} is positive
 * @param warmupRatio warm-up as a share of all steps; 0 to use {@code warmupSteps}
 * @param clipNorm largest global gradient norm; 0 for no clipping
 * @param clipAfterWarmup whether clipping begins only after warm-up
 */
public record OptimizerConfig(
    AdamWSettings adamW,
    boolean decayAll,
    double learningRate,
    double initialLearningRate,
    double minLearningRate,
    Schedule schedule,
    int warmupSteps,
    double warmupRatio,
    double clipNorm,
    boolean clipAfterWarmup) {

  /** Shape of the learning rate after warm-up. */
  public enum Schedule {
    /** Stays at the peak. */
    CONSTANT,
    /** Straight line down to the minimum at the last step. */
    LINEAR,
    /** Half a cosine down to the minimum at the last step (Loshchilov and Hutter, 2017). */
    COSINE,
    /**
     * Warm-up, stable, decay: peak until the last fifth of the steps, then a straight line down.
     */
    WSD
  }
}
