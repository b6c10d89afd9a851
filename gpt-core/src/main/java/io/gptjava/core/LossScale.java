package io.gptjava.core;

/**
 * Where dynamic loss scaling stands between two steps; with the weights, part of a run's state.
 *
 * @param value what the loss is multiplied by before backward
 * @param goodSteps steps since it last changed whose gradients were all finite: GradScaler's growth
 *     tracker
 */
public record LossScale(float value, int goodSteps) {
  /** Where a run begins, as {@code torch.amp.GradScaler}. */
  public static final LossScale INITIAL = new LossScale(65_536, 0);

  /** Without scaling. */
  public static final LossScale NONE = new LossScale(1, 0);
}
