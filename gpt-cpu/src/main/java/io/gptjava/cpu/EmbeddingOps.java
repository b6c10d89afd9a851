package io.gptjava.cpu;

import io.gptjava.core.Dropout;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Tensor;

/** Token and position embedding. */
final class EmbeddingOps {
  private final WorkerPool pool;
  private final HostStepControl control;

  EmbeddingOps(WorkerPool pool, HostStepControl control) {
    this.pool = pool;
    this.control = control;
  }

  void embedding(
      Tensor tokens, Tensor wte, Tensor wpe, int firstPosition, Dropout dropout, Tensor out) {
    throw new UnsupportedOperationException("embedding");
  }

  void embeddingBackward(
      Tensor tokens,
      Tensor dOut,
      Dropout dropout,
      Tensor dWte,
      boolean accumulateWte,
      Tensor dWpe,
      boolean accumulateWpe,
      Tensor workspace) {
    throw new UnsupportedOperationException("embeddingBackward");
  }

  long embeddingBackwardWorkspace(int batch, int sequence, int width) {
    throw new UnsupportedOperationException("embeddingBackwardWorkspace");
  }
}
