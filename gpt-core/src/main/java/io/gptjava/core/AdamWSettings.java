package io.gptjava.core;

/**
 * Constants of AdamW (Loshchilov and Hutter, 2019); the learning rate comes from {@link
 * StepControl}.
 *
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon added to the root of the corrected second moment
 * @param weightDecay λ, decoupled: w ← w − lr·λ·w
 * @param stochasticRounding whether a BF16 copy of the weights to compute with is rounded as {@link
 *     Ops#roundStochastically} does, instead of to nearest even
 */
public record AdamWSettings(
    float beta1, float beta2, float epsilon, float weightDecay, boolean stochasticRounding) {

  /** AdamW whose copy of the weights is rounded to nearest even. */
  public AdamWSettings(float beta1, float beta2, float epsilon, float weightDecay) {
    this(beta1, beta2, epsilon, weightDecay, false);
  }
}
