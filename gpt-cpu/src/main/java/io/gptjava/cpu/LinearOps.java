package io.gptjava.cpu;

import io.gptjava.core.Tensor;

/** Linear layers over the packed matrix product. */
final class LinearOps {
  private final WorkerPool pool;

  LinearOps(WorkerPool pool) {
    this.pool = pool;
  }

  void linear(Tensor x, Tensor weight, Tensor biasOrNull, Tensor out) {
    throw new UnsupportedOperationException("linear");
  }

  void linearGelu(
      Tensor x, Tensor weight, Tensor biasOrNull, Tensor preActivationOrNull, Tensor out) {
    throw new UnsupportedOperationException("linearGelu");
  }

  void linearBackwardInput(Tensor dOut, Tensor weight, Tensor preActivationOrNull, Tensor dX) {
    throw new UnsupportedOperationException("linearBackwardInput");
  }

  void linearBackwardWeight(
      Tensor x, Tensor dOut, Tensor dWeight, Tensor dBiasOrNull, boolean accumulate) {
    throw new UnsupportedOperationException("linearBackwardWeight");
  }
}
