package io.gptjava.train;

import io.gptjava.core.GptConfig;

/** Useful floating-point operations of training, to state model FLOPs utilisation (MFU) by. */
public final class ModelFlops {
  /** How {@link #perToken} counts. */
  public static final String FORMULA = "6N + 6LCT (causal; N parameters, L layers, C width)";

  private ModelFlops() {}

  /**
   * Useful FLOPs of training on one token (Kaplan et al., 2020, with causal attention): 6N for the
   * weights, and per layer 2·2·C·T/2 forward and twice that backward for scores and values.
   * Recomputation is no useful work.
   *
   * @param sequence T
   */
  public static double perToken(GptConfig model, int sequence) {
    return 6.0 * model.parameterCount() + 6.0 * model.layers() * model.width() * sequence;
  }
}
