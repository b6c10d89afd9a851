package io.gptjava.core;

/**
 * The scalars of one optimizer step (or one evaluation batch) that the host decides.
 *
 * @param seed key of the random streams
 * @param step optimizer step from 0: the step word of the dropout streams
 * @param learningRate learning rate of this step
 * @param clipNorm largest global gradient norm; 0 for no clipping
 * @param lossScale constant factor on the loss before backward, 1 for none; dynamic scaling is the
 *     {@link StepControl}'s
 * @param targetCount non-ignored targets in the whole global batch: the loss and its gradient
 *     divide by it
 */
public record StepInputs(
    long seed, int step, float learningRate, float clipNorm, float lossScale, long targetCount) {}
