package io.gptjava.cpu;

import io.gptjava.core.Tensor;

/** GELU, softmax and plumbing. */
final class ElementwiseOps {
  private final WorkerPool pool;

  ElementwiseOps(WorkerPool pool) {
    this.pool = pool;
  }

  void gelu(Tensor x, Tensor out) {
    throw new UnsupportedOperationException("gelu");
  }

  void geluBackward(Tensor x, Tensor dOut, Tensor dX) {
    throw new UnsupportedOperationException("geluBackward");
  }

  void softmax(Tensor x, Tensor out) {
    throw new UnsupportedOperationException("softmax");
  }

  void softmaxBackward(Tensor out, Tensor dOut, Tensor dX) {
    throw new UnsupportedOperationException("softmaxBackward");
  }

  void cast(Tensor from, Tensor to) {
    throw new UnsupportedOperationException("cast");
  }

  void fill(Tensor tensor, float value) {
    throw new UnsupportedOperationException("fill");
  }

  void copy(Tensor from, Tensor to) {
    throw new UnsupportedOperationException("copy");
  }
}
