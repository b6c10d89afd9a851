package io.gptjava.benchmarks.kernels;

import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Philox;

/**
 * The sizes of a training step.
 *
 * @param model shape of the model
 * @param type of activations and weights
 * @param batch B
 * @param sequence T
 */
public record KernelShapes(GptConfig model, DType type, int batch, int sequence) {
  /** N, rows of the activations. */
  public long rows() {
    return (long) batch * sequence;
  }

  /** C. */
  long width() {
    return model.width();
  }

  /** The model's dropout at some site. */
  Dropout dropout(int purpose) {
    return Dropout.of(model.dropout(), purpose, 0);
  }

  /** Dropout of a branch of the residual stream. */
  Dropout residualDropout() {
    return dropout(Philox.PURPOSE_RESIDUAL_DROPOUT);
  }
}
