package io.gptjava.cpu;

import io.gptjava.core.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;

/**
 * Product of a few rows with the transpose of a matrix at memory speed: each output is one dot
 * product with a contiguous row of weights, read once and packed nowhere.
 */
final class RowDots {
  private static final int L = Vectors.F.length();

  /** Outputs of one task. */
  private static final int TASK_COLUMNS = 256;

  private static final int X = 7;

  private final WorkerPool pool;
  private final RowScratch scratch;
  private final WorkerPool.Task task = this::run;
  private DType type;
  private MemorySegment x;
  private MemorySegment weight;
  private MemorySegment out;
  private int rows;
  private int columns;
  private int terms;

  RowDots(WorkerPool pool, RowScratch scratch) {
    this.pool = pool;
    this.scratch = scratch;
  }

  /**
   * {@code out = x · weightᵀ}.
   *
   * @param type of both factors: F32 or BF16
   * @param x (rows, terms)
   * @param weight (at least columns, terms)
   * @param out (rows, columns) F32
   */
  void multiply(
      DType type,
      MemorySegment x,
      MemorySegment weight,
      int rows,
      int columns,
      int terms,
      MemorySegment out) {
    this.type = type;
    this.x = x;
    if (type == DType.BF16) {
      scratch.reserve((long) rows * terms);
      this.x = scratch.row(0, X);
      HalfVectors.widen(x, 0, this.x, 0, rows * terms);
    }
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
      MemorySegment line = weight;
      long at = (long) j * terms * type.bytes();
      if (type == DType.BF16) {
        line = scratch.row(worker, 0);
        HalfVectors.widen(weight, at, line, 0, terms);
        at = 0;
      }
      for (int i = 0; i < rows; i++) {
        float value = dot((long) i * terms * Float.BYTES, line, at);
        out.setAtIndex(ValueLayout.JAVA_FLOAT, (long) i * columns + j, value);
      }
    }
  }

  private float dot(long atX, MemorySegment line, long atLine) {
    FloatVector sum0 = FloatVector.zero(Vectors.F);
    FloatVector sum1 = sum0;
    FloatVector sum2 = sum0;
    FloatVector sum3 = sum0;
    long step = (long) L * Float.BYTES;
    int p = 0;
    for (; p <= terms - 4 * L; p += 4 * L) {
      long shift = (long) p * Float.BYTES;
      sum0 = Vectors.load(x, atX + shift).fma(Vectors.load(line, atLine + shift), sum0);
      sum1 =
          Vectors.load(x, atX + shift + step).fma(Vectors.load(line, atLine + shift + step), sum1);
      sum2 =
          Vectors.load(x, atX + shift + 2 * step)
              .fma(Vectors.load(line, atLine + shift + 2 * step), sum2);
      sum3 =
          Vectors.load(x, atX + shift + 3 * step)
              .fma(Vectors.load(line, atLine + shift + 3 * step), sum3);
    }
    float sum = Vectors.sum(sum0.add(sum1).add(sum2.add(sum3)));
    for (; p < terms; p++) {
      long shift = (long) p * Float.BYTES;
      sum =
          Math.fma(
              x.get(ValueLayout.JAVA_FLOAT, atX + shift),
              line.get(ValueLayout.JAVA_FLOAT, atLine + shift),
              sum);
    }
    return sum;
  }
}
