package io.gptjava.cpu;

import io.gptjava.core.Dropout;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Tensor;

/** Causal attention in tiles, and attention over a key/value cache. */
final class AttentionOps {
  private final WorkerPool pool;
  private final HostStepControl control;

  AttentionOps(WorkerPool pool, HostStepControl control) {
    this.pool = pool;
    this.control = control;
  }

  void attention(
      Tensor qkv,
      Tensor firstVisibleOrNull,
      int heads,
      Dropout dropout,
      Tensor out,
      Tensor logSumExp) {
    throw new UnsupportedOperationException("attention");
  }

  void attentionBackward(
      Tensor dOut,
      Tensor qkv,
      Tensor out,
      Tensor logSumExp,
      Tensor firstVisibleOrNull,
      int heads,
      Dropout dropout,
      Tensor dQkv,
      Tensor workspace) {
    throw new UnsupportedOperationException("attentionBackward");
  }

  long attentionBackwardWorkspace(int batch, int sequence, int width, int heads) {
    throw new UnsupportedOperationException("attentionBackwardWorkspace");
  }

  void cachedAttention(
      Tensor qkv, Tensor keyCache, Tensor valueCache, int firstPosition, Tensor out) {
    throw new UnsupportedOperationException("cachedAttention");
  }
}
