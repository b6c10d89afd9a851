package io.gptjava.cpu;

import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;

/** Causal attention in tiles, and attention over a key/value cache. */
final class AttentionOps {
  private final WorkerPool pool;
  private final HostStepControl control;
  private final DropoutMask[] masks;
  private final AttentionForward[] forward;
  private final AttentionBackward[] backward;
  private final CachedAttention[] cached;
  private final RowScratch scratch;

  AttentionOps(WorkerPool pool, HostStepControl control, RowScratch scratch) {
    this.pool = pool;
    this.control = control;
    this.scratch = scratch;
    masks = DropoutMask.forWorkers(pool);
    forward = new AttentionForward[pool.threads()];
    backward = new AttentionBackward[pool.threads()];
    cached = new CachedAttention[pool.threads()];
    for (int i = 0; i < masks.length; i++) {
      forward[i] = new AttentionForward(masks[i]);
      backward[i] = new AttentionBackward(masks[i]);
      cached[i] = new CachedAttention(scratch, i);
    }
  }

  void attention(
      Tensor qkv,
      Tensor firstVisibleOrNull,
      int heads,
      Dropout dropout,
      Tensor out,
      Tensor logSumExp) {
    AttentionShape shape = AttentionShape.of(qkv, firstVisibleOrNull, heads);
    long rows = (long) shape.batch() * shape.sequence();
    MemorySegment in = Operands.vector("qkv", qkv, shape.type(), rows * 3 * shape.width());
    MemorySegment y = Operands.matrix("out", out, shape.type(), rows, shape.width());
    MemorySegment sums = Operands.floats("logSumExp", logSumExp, rows * heads);
    DropoutMask.begin(masks, dropout, control);
    // A query's result does not depend on which task it is in, so the split may follow the threads.
    int count = shape.batch() * heads;
    int parts = count >= 2 * pool.threads() ? 1 : Math.min(shape.blocks(), pool.threads());
    pool.run(
        count * parts,
        (task, worker) -> {
          int head = task / parts;
          int part = task % parts;
          forward[worker].run(
              shape,
              in,
              y,
              sums,
              head / heads,
              head % heads,
              part * shape.blocks() / parts,
              (part + 1) * shape.blocks() / parts);
        });
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
    AttentionShape shape = AttentionShape.of(qkv, firstVisibleOrNull, heads);
    long rows = (long) shape.batch() * shape.sequence();
    int width = shape.width();
    MemorySegment dy = Operands.matrix("dOut", dOut, shape.type(), rows, width);
    MemorySegment in = Operands.matrix("qkv", qkv, shape.type(), rows, 3L * width);
    MemorySegment y = Operands.matrix("out", out, shape.type(), rows, width);
    MemorySegment sums = Operands.floats("logSumExp", logSumExp, rows * heads);
    MemorySegment dIn = Operands.matrix("dQkv", dQkv, shape.type(), rows, 3L * width);
    DropoutMask.begin(masks, dropout, control);
    pool.run(
        shape.batch() * heads,
        (task, worker) ->
            backward[worker].run(shape, dy, in, y, sums, dIn, task / heads, task % heads));
  }

  /** Nothing: workers own what they need of one head. */
  long attentionBackwardWorkspace(int batch, int sequence, int width, int heads) {
    return 0;
  }

  void cachedAttention(
      Tensor qkv, Tensor keyCache, Tensor valueCache, int firstPosition, Tensor out) {
    Operands.require(keyCache.rank() == 4 && keyCache.size(1) > 0, "keyCache", keyCache);
    int heads = (int) keyCache.size(1);
    AttentionShape shape = AttentionShape.of(qkv, null, heads);
    int capacity = (int) keyCache.size(2);
    long cacheRows = (long) shape.batch() * heads * capacity;
    long rows = (long) shape.batch() * shape.sequence();
    MemorySegment in = Operands.matrix("qkv", qkv, shape.type(), rows, 3L * shape.width());
    MemorySegment keys =
        Operands.matrix("keyCache", keyCache, shape.type(), cacheRows, shape.headSize());
    MemorySegment values =
        Operands.matrix("valueCache", valueCache, shape.type(), cacheRows, shape.headSize());
    MemorySegment y = Operands.matrix("out", out, shape.type(), rows, shape.width());
    Operands.require(
        firstPosition >= 0 && firstPosition + (long) shape.sequence() <= capacity,
        "keyCache",
        keyCache);
    if (shape.type() == DType.BF16) {
      scratch.reserve((long) capacity * shape.headSize());
    }
    pool.run(
        shape.batch() * heads,
        (task, worker) ->
            cached[worker].run(
                shape, in, keys, values, capacity, firstPosition, y, task / heads, task % heads));
  }
}
