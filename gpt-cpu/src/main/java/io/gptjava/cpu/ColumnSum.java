package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * Sums of a matrix's columns: the gradient of a bias. Rows are summed in blocks of {@link #BLOCK},
 * blocks in order, so that rounding errors stay small and any number of threads gives the same
 * bits.
 */
final class ColumnSum {
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final int L = Vectors.F.length();

  /** Rows summed before their sum joins the total. */
  private static final int BLOCK = 64;

  /** Vectors of columns that one pass over the rows takes: two cache lines at the widest. */
  private static final int VECTORS = 2;

  /** Columns of one task. */
  private static final int TASK_COLUMNS = 4 * VECTORS * L;

  private final WorkerPool pool;
  private final WorkerPool.Task task = this::run;
  private MemorySegment matrix;
  private int rows;
  private int columns;
  private MemorySegment out;
  private boolean accumulate;

  ColumnSum(WorkerPool pool) {
    this.pool = pool;
  }

  /**
   * {@code out = Σ matrix}, or {@code out += Σ matrix}, over rows.
   *
   * @param matrix (rows, columns)
   * @param out (columns)
   */
  void sum(MemorySegment matrix, int rows, int columns, MemorySegment out, boolean accumulate) {
    this.matrix = matrix;
    this.rows = rows;
    this.columns = columns;
    this.out = out;
    this.accumulate = accumulate;
    pool.run((columns + TASK_COLUMNS - 1) / TASK_COLUMNS, task);
    this.matrix = null;
    this.out = null;
  }

  private void run(int number, int worker) {
    int end = Math.min(columns, (number + 1) * TASK_COLUMNS);
    int j = number * TASK_COLUMNS;
    for (; j + VECTORS * L <= end; j += VECTORS * L) {
      pair(j);
    }
    for (; j < end; j += L) {
      tail(j, Vectors.F.indexInRange(j, end));
    }
  }

  private void pair(int j) {
    long at = (long) j * Float.BYTES;
    long second = (long) L * Float.BYTES;
    FloatVector total0 = FloatVector.zero(Vectors.F);
    FloatVector total1 = FloatVector.zero(Vectors.F);
    for (int from = 0; from < rows; from += BLOCK) {
      int end = Math.min(rows, from + BLOCK);
      FloatVector sum0 = FloatVector.zero(Vectors.F);
      FloatVector sum1 = FloatVector.zero(Vectors.F);
      for (int i = from; i < end; i++) {
        long row = at + (long) i * columns * Float.BYTES;
        sum0 = sum0.add(FloatVector.fromMemorySegment(Vectors.F, matrix, row, ORDER));
        sum1 = sum1.add(FloatVector.fromMemorySegment(Vectors.F, matrix, row + second, ORDER));
      }
      total0 = total0.add(sum0);
      total1 = total1.add(sum1);
    }
    if (accumulate) {
      total0 = total0.add(FloatVector.fromMemorySegment(Vectors.F, out, at, ORDER));
      total1 = total1.add(FloatVector.fromMemorySegment(Vectors.F, out, at + second, ORDER));
    }
    total0.intoMemorySegment(out, at, ORDER);
    total1.intoMemorySegment(out, at + second, ORDER);
  }

  private void tail(int j, VectorMask<Float> mask) {
    long at = (long) j * Float.BYTES;
    FloatVector total = FloatVector.zero(Vectors.F);
    for (int from = 0; from < rows; from += BLOCK) {
      int end = Math.min(rows, from + BLOCK);
      FloatVector sum = FloatVector.zero(Vectors.F);
      for (int i = from; i < end; i++) {
        long row = at + (long) i * columns * Float.BYTES;
        sum = sum.add(FloatVector.fromMemorySegment(Vectors.F, matrix, row, ORDER, mask));
      }
      total = total.add(sum);
    }
    if (accumulate) {
      total = total.add(FloatVector.fromMemorySegment(Vectors.F, out, at, ORDER, mask));
    }
    total.intoMemorySegment(out, at, ORDER, mask);
  }
}
