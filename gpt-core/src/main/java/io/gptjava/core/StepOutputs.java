package io.gptjava.core;

/**
 * What one step produced.
 *
 * @param loss mean cross-entropy over the global batch's targets, in nats; NaN for no targets
 * @param gradientNorm global L2 norm of the unscaled gradients before clipping; NaN before {@link
 *     Ops#globalGradientNorm} ran in this step
 * @param clipFactor what the optimizer multiplied the gradients by, 1 when not clipped
 * @param skipped whether the optimizer wrote nothing because the norm was not finite
 * @param updates optimizer updates made so far: the t of Adam's bias correction
 * @param lossScale the dynamic loss scale that the next step begins with; {@link LossScale#NONE}
 *     while the loss is not scaled dynamically
 */
public record StepOutputs(
    double loss,
    double gradientNorm,
    float clipFactor,
    boolean skipped,
    long updates,
    LossScale lossScale) {}
