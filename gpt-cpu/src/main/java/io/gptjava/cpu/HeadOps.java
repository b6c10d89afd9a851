package io.gptjava.cpu;

import io.gptjava.core.HostStepControl;
import io.gptjava.core.Tensor;

/** Output head and cross-entropy over row chunks. */
final class HeadOps {
  private final WorkerPool pool;
  private final HostStepControl control;

  HeadOps(WorkerPool pool, HostStepControl control) {
    this.pool = pool;
    this.control = control;
  }

  void headCrossEntropy(
      Tensor x,
      Tensor weight,
      Tensor targets,
      int vocabulary,
      Tensor losses,
      Tensor dXOrNull,
      Tensor dWeightOrNull,
      boolean accumulate,
      Tensor workspace) {
    throw new UnsupportedOperationException("headCrossEntropy");
  }

  long headCrossEntropyWorkspace(long rows, int width, int paddedVocabulary, long budget) {
    throw new UnsupportedOperationException("headCrossEntropyWorkspace");
  }

  void headLogits(Tensor x, Tensor weight, Tensor logits) {
    throw new UnsupportedOperationException("headLogits");
  }
}
