package io.gptjava.core;

/**
 * Rules of dynamic loss scaling, those of {@code torch.amp.GradScaler} (Micikevicius et al.,
 * <i>Mixed Precision Training</i>, 2018, 3.2): the loss is scaled so that small gradients do not
 * vanish in a narrow type; a step whose gradients hold an infinity or NaN updates nothing and
 * lowers the scale, a row of good steps raises it.
 *
 * <p>A skipped step counts as a step: batches, dropout streams and the learning-rate schedule go
 * on, as with PyTorch's scheduler that steps every iteration. It does not count as an update:
 * weights, moments and the t of Adam's bias correction stay.
 *
 * @param growthFactor of the scale after enough good steps; not where that overflows
 * @param backoffFactor of the scale after a step that overflowed
 * @param growthInterval good steps in a row after which it grows; 0 for no dynamic scaling
 * @param lowest a run whose scale falls below this halts ({@link StepControl#haltAfterSkip}):
 *     gradients that overflow even so are not too large but broken. GradScaler has no such limit
 */
public record LossScaling(
    float growthFactor, float backoffFactor, int growthInterval, float lowest) {
  /** Constant scale 1. */
  public static final LossScaling OFF = new LossScaling(1, 1, 0, 0);

  /**
   * GradScaler's defaults. 2⁻¹⁴ is the smallest normal fp16: there a loss gradient of 1 leaves the
   * range below. From 65,536 that takes 31 skipped steps with not 2,000 good ones between them.
   */
  public static final LossScaling GRAD_SCALER = new LossScaling(2, 0.5f, 2000, 0x1p-14f);

  /** Whether the scale changes at all. */
  public boolean dynamic() {
    return growthInterval > 0;
  }

  /**
   * The scale after a step.
   *
   * @param finite whether all gradients of the step were finite
   */
  public LossScale next(LossScale scale, boolean finite) {
    if (!dynamic()) {
      return scale;
    }
    if (!finite) {
      return new LossScale(scale.value() * backoffFactor, 0);
    }
    int goodSteps = scale.goodSteps() + 1;
    if (goodSteps != growthInterval) {
      return new LossScale(scale.value(), goodSteps);
    }
    float grown = scale.value() * growthFactor;
    return new LossScale(Float.isFinite(grown) ? grown : scale.value(), 0);
  }

  /** Whether an overflow that led to this scale must end the run. */
  public boolean exhausted(LossScale scale) {
    return dynamic() && scale.value() < lowest;
  }
}
