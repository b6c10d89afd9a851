package io.gptjava.cpu;

import io.gptjava.core.Ops;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Cross-entropy of one row of logits, which becomes the row of their gradients in place. The row
 * fits the second-level cache, so its three passes cost one read and one write of memory.
 */
final class CrossEntropyRow {
  private static final int L = Vectors.F.length();

  /**
   * Loss of a row, and its gradients.
   *
   * @param logits memory of the row
   * @param at its first byte
   * @param count number of logits
   * @param target right class, or {@link Ops#IGNORED_TARGET}
   * @param gradients whether to overwrite the row with {@code (softmax − onehot) · scale}
   * @return log Σ exp(logit) − logit[target], 0 where ignored
   */
  float run(MemorySegment logits, long at, int count, int target, boolean gradients, float scale) {
    if (target == Ops.IGNORED_TARGET) {
      if (gradients) {
        logits.asSlice(at, (long) count * Float.BYTES).fill((byte) 0);
      }
      return 0;
    }
    if (target < 0 || target >= count) {
      throw new IllegalArgumentException("target " + target + " outside [0, " + count + ")");
    }
    long targetAt = at + (long) target * Float.BYTES;
    float right = logits.get(ValueLayout.JAVA_FLOAT, targetAt);
    float max = max(logits, at, count);
    double sum =
        gradients ? exponentials(logits, at, count, max) : sumExponentials(logits, at, count, max);
    if (gradients) {
      scale(logits, at, count, (float) (scale / sum));
      float p = logits.get(ValueLayout.JAVA_FLOAT, targetAt);
      logits.set(ValueLayout.JAVA_FLOAT, targetAt, p - scale);
    }
    return (float) (max - (double) right + StrictMath.log(sum));
  }

  private static float max(MemorySegment row, long at, int count) {
    FloatVector max0 = FloatVector.broadcast(Vectors.F, Float.NEGATIVE_INFINITY);
    FloatVector max1 = max0;
    int j = 0;
    for (; j <= count - 2 * L; j += 2 * L) {
      max0 = max0.max(load(row, at, j));
      max1 = max1.max(load(row, at, j + L));
    }
    float max = max0.max(max1).reduceLanes(VectorOperators.MAX);
    for (; j < count; j++) {
      max = Math.max(max, scalar(row, at, j));
    }
    return max;
  }

  /**
   * Replaces each logit by exp(logit − max) and returns their sum. One exponential in the loop and
   * the last logits in a method of their own: with more, the compiler reaches its limit of inlining
   * and makes an object of every vector.
   */
  private static double exponentials(MemorySegment row, long at, int count, float max) {
    FloatVector sums = FloatVector.zero(Vectors.F);
    int bound = Vectors.F.loopBound(count);
    for (int j = 0; j < bound; j += L) {
      FloatVector e = VectorMath.exp(load(row, at, j).sub(max));
      Vectors.store(e, row, at + (long) j * Float.BYTES);
      sums = sums.add(e);
    }
    return Vectors.sum(sums) + lastExponentials(row, at, bound, count, max, true);
  }

  private static double sumExponentials(MemorySegment row, long at, int count, float max) {
    FloatVector sums = FloatVector.zero(Vectors.F);
    int bound = Vectors.F.loopBound(count);
    for (int j = 0; j < bound; j += L) {
      sums = sums.add(VectorMath.exp(load(row, at, j).sub(max)));
    }
    return Vectors.sum(sums) + lastExponentials(row, at, bound, count, max, false);
  }

  /** The logits behind the last whole vector. */
  private static double lastExponentials(
      MemorySegment row, long at, int from, int count, float max, boolean store) {
    double sum = 0;
    for (int j = from; j < count; j++) {
      float e = exp(scalar(row, at, j) - max);
      if (store) {
        row.set(ValueLayout.JAVA_FLOAT, at + (long) j * Float.BYTES, e);
      }
      sum += e;
    }
    return sum;
  }

  private static void scale(MemorySegment row, long at, int count, float factor) {
    int bound = Vectors.F.loopBound(count);
    int j = 0;
    for (; j < bound; j += L) {
      Vectors.store(load(row, at, j).mul(factor), row, at + (long) j * Float.BYTES);
    }
    for (; j < count; j++) {
      row.set(ValueLayout.JAVA_FLOAT, at + (long) j * Float.BYTES, scalar(row, at, j) * factor);
    }
  }

  /** The same function as in the vector loop, so that a logit's place does not matter. */
  private static float exp(float x) {
    return VectorMath.exp(FloatVector.broadcast(Vectors.F, x)).lane(0);
  }

  private static float scalar(MemorySegment row, long at, int j) {
    return row.get(ValueLayout.JAVA_FLOAT, at + (long) j * Float.BYTES);
  }

  private static FloatVector load(MemorySegment row, long at, int j) {
    return Vectors.load(row, at + (long) j * Float.BYTES);
  }
}
