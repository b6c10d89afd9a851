package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;

/**
 * Product of a few rows with the transpose of a matrix at memory speed: each output is one dot
 * product with a contiguous row of weights, read once and packed nowhere.
 */
final class RowDots {
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final int L = Vectors.F.length();

  /** Outputs of one task. */
  private static final int TASK_COLUMNS = 256;

  private final WorkerPool pool;
  private final WorkerPool.Task task = this::run;
  private MemorySegment x;
  private MemorySegment weight;
  private MemorySegment out;
  private int rows;
  private int columns;
  private int terms;

  RowDots(WorkerPool pool) {
    this.pool = pool;
  }

  /**
   * {@code out = x · weightᵀ}.
   *
   * @param x (rows, terms)
   * @param weight (at least columns, terms)
   * @param out (rows, columns)
   */
  void multiply(
      MemorySegment x, MemorySegment weight, int rows, int columns, int terms, MemorySegment out) {
    this.x = x;
    this.weight = weight;
    this.out = out;
    this.rows = rows;
    this.columns = columns;
    this.terms = terms;
    pool.run((columns + TASK_COLUMNS - 1) / TASK_COLUMNS, task);
    this.x = null;
    this.weight = null;
    this.out = null;
  }

  private void run(int number, int worker) {
    int end = Math.min(columns, (number + 1) * TASK_COLUMNS);
    for (int j = number * TASK_COLUMNS; j < end; j++) {
      for (int i = 0; i < rows; i++) {
        float value = dot((long) i * terms * Float.BYTES, (long) j * terms * Float.BYTES);
        out.setAtIndex(ValueLayout.JAVA_FLOAT, (long) i * columns + j, value);
      }
    }
  }

  private float dot(long atX, long atWeight) {
    FloatVector sum0 = FloatVector.zero(Vectors.F);
    FloatVector sum1 = sum0;
    FloatVector sum2 = sum0;
    FloatVector sum3 = sum0;
    long step = (long) L * Float.BYTES;
    int p = 0;
    for (; p <= terms - 4 * L; p += 4 * L) {
      long shift = (long) p * Float.BYTES;
      sum0 = load(x, atX + shift).fma(load(weight, atWeight + shift), sum0);
      sum1 = load(x, atX + shift + step).fma(load(weight, atWeight + shift + step), sum1);
      sum2 = load(x, atX + shift + 2 * step).fma(load(weight, atWeight + shift + 2 * step), sum2);
      sum3 = load(x, atX + shift + 3 * step).fma(load(weight, atWeight + shift + 3 * step), sum3);
    }
    float sum = Vectors.sum(sum0.add(sum1).add(sum2.add(sum3)));
    for (; p < terms; p++) {
      long shift = (long) p * Float.BYTES;
      sum =
          Math.fma(
              x.get(ValueLayout.JAVA_FLOAT, atX + shift),
              weight.get(ValueLayout.JAVA_FLOAT, atWeight + shift),
              sum);
    }
    return sum;
  }

  private static FloatVector load(MemorySegment from, long at) {
    return FloatVector.fromMemorySegment(Vectors.F, from, at, ORDER);
  }
}
