package io.gptjava.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.gptjava.core.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/** One worker's attention of new positions over the cached keys and values of one head. */
final class CachedAttention {
  private static final int STEP = Vectors.F.length();

  private final RowScratch scratch;
  private final int worker;
  private float[] query = new float[0];
  private float[] weights = new float[0];

  CachedAttention(RowScratch scratch, int worker) {
    this.scratch = scratch;
    this.worker = worker;
  }

  /** Appends the head's new keys and values, then attends from each new position. */
  void run(
      AttentionShape shape,
      MemorySegment qkv,
      MemorySegment keys,
      MemorySegment values,
      int capacity,
      int firstPosition,
      MemorySegment out,
      int sample,
      int head) {
    int size = shape.headSize();
    query = HeadBlocks.room(query, size);
    weights = HeadBlocks.room(weights, capacity + STEP);
    long rowBytes = (long) size * shape.type().bytes();
    long cache = ((long) sample * shape.heads() + head) * capacity * rowBytes;
    for (int t = 0; t < shape.sequence(); t++) {
      long at = cache + (firstPosition + t) * rowBytes;
      MemorySegment.copy(qkv, shape.packed(sample, t, 1, head), keys, at, rowBytes);
      MemorySegment.copy(qkv, shape.packed(sample, t, 2, head), values, at, rowBytes);
    }
    if (shape.type() == DType.BF16) {
      attendHalves(shape, qkv, keys, values, cache, firstPosition, out, sample, head);
      return;
    }
    for (int t = 0; t < shape.sequence(); t++) {
      int visible = firstPosition + t + 1;
      long at = shape.packed(sample, t, 0, head);
      for (int c = 0; c < size; c++) {
        query[c] = qkv.get(JAVA_FLOAT, at + c * 4L) * shape.scale();
      }
      scores(keys, cache, visible, size);
      float sum = softmax(visible);
      blend(values, cache, visible, size, 1 / sum, out, shape.plain(sample, t, head));
    }
  }

  /** The head's keys and values become floats first, once for all new positions. */
  private void attendHalves(
      AttentionShape shape,
      MemorySegment qkv,
      MemorySegment keys,
      MemorySegment values,
      long cache,
      int firstPosition,
      MemorySegment out,
      int sample,
      int head) {
    int size = shape.headSize();
    MemorySegment wideKeys = scratch.row(worker, 0);
    MemorySegment wideValues = scratch.row(worker, 1);
    MemorySegment row = scratch.row(worker, 2);
    int seen = (firstPosition + shape.sequence()) * size;
    HalfVectors.widen(keys, cache, wideKeys, 0, seen);
    HalfVectors.widen(values, cache, wideValues, 0, seen);
    for (int t = 0; t < shape.sequence(); t++) {
      int visible = firstPosition + t + 1;
      HalfRow.load(qkv, shape.packed(sample, t, 0, head), size, shape.scale(), query, 0);
      scores(wideKeys, 0, visible, size);
      float sum = softmax(visible);
      blend(wideValues, 0, visible, size, 1 / sum, row, 0);
      HalfVectors.narrow(row, 0, out, shape.plain(sample, t, head), size);
    }
  }

  private void scores(MemorySegment keys, long cache, int visible, int size) {
    int bound = Vectors.F.loopBound(size);
    for (int j = 0; j < visible; j++) {
      long at = cache + (long) j * size * 4;
      FloatVector sum = FloatVector.zero(Vectors.F);
      for (int c = 0; c < bound; c += STEP) {
        FloatVector q = FloatVector.fromArray(Vectors.F, query, c);
        sum = q.fma(Vectors.load(keys, at + c * 4L), sum);
      }
      float dot = Vectors.sum(sum);
      for (int c = bound; c < size; c++) {
        dot = Math.fma(query[c], keys.get(JAVA_FLOAT, at + c * 4L), dot);
      }
      weights[j] = dot;
    }
  }

  /** Turns scores into weights that their sum, which is returned, must still divide. */
  private float softmax(int visible) {
    float max = weights[0];
    for (int j = 1; j < visible; j++) {
      max = Math.max(max, weights[j]);
    }
    FloatVector sums = FloatVector.zero(Vectors.F);
    for (int j = 0; j < visible; j += STEP) {
      VectorMask<Float> inside = Vectors.F.indexInRange(j, visible);
      FloatVector p = VectorMath.exp(FloatVector.fromArray(Vectors.F, weights, j).sub(max));
      p.intoArray(weights, j, inside);
      sums = sums.add(p, inside);
    }
    return Vectors.sum(sums);
  }

  private void blend(
      MemorySegment values,
      long cache,
      int visible,
      int size,
      float factor,
      MemorySegment out,
      long to) {
    int bound = Vectors.F.loopBound(size);
    for (int c = 0; c < bound; c += STEP) {
      FloatVector sum = FloatVector.zero(Vectors.F);
      for (int j = 0; j < visible; j++) {
        FloatVector weight = FloatVector.broadcast(Vectors.F, weights[j]);
        sum = weight.fma(Vectors.load(values, cache + ((long) j * size + c) * 4), sum);
      }
      Vectors.store(sum.mul(factor), out, to + c * 4L);
    }
    for (int c = bound; c < size; c++) {
      float sum = 0;
      for (int j = 0; j < visible; j++) {
        float value = values.get(JAVA_FLOAT, cache + ((long) j * size + c) * 4);
        sum = Math.fma(weights[j], value, sum);
      }
      out.set(JAVA_FLOAT, to + c * 4L, sum * factor);
    }
  }
}
