package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Product of a few rows with a matrix at memory speed: the weights are read once, front to back,
 * and nothing is packed. Each task sums a fixed share of the terms into a partial row; partial rows
 * are added in order, so any number of threads gives the same bits.
 */
final class RowProduct {
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final int L = Vectors.F.length();

  /** Rows of the matrix that one pass takes: as many streams as the prefetchers follow well. */
  private static final int STREAMS = 4;

  /** Shares that the terms are cut into, at most. */
  private static final int SHARES = 16;

  private final WorkerPool pool;
  private final WorkerPool.Task summing = this::sumShare;
  private float[] partial = new float[0]; // (rows, shares, stride)
  private MemorySegment x;
  private MemorySegment weight;
  private int columns;
  private int terms;
  private int rows;
  private int shareTerms;
  private int shares;
  private int stride;

  RowProduct(WorkerPool pool) {
    this.pool = pool;
  }

  /**
   * {@code out = epilogue(x · weight)}.
   *
   * @param x (rows, terms)
   * @param weight (terms, columns)
   * @param out (rows, columns)
   */
  void multiply(
      MemorySegment x,
      MemorySegment weight,
      int rows,
      int columns,
      int terms,
      MemorySegment out,
      GemmEpilogue epilogue,
      MemorySegment biasOrNull,
      MemorySegment preActivationOrNull) {
    this.x = x;
    this.weight = weight;
    this.rows = rows;
    this.columns = columns;
    this.terms = terms;
    int even = (terms + SHARES - 1) / SHARES;
    shareTerms = (even + STREAMS - 1) / STREAMS * STREAMS;
    shares = (terms + shareTerms - 1) / shareTerms;
    stride = (columns + L - 1) / L * L;
    int need = Math.multiplyExact(Math.multiplyExact(rows, shares), stride);
    if (partial.length < need) {
      partial = new float[need];
    }
    pool.run(shares, summing);
    for (int i = 0; i < rows; i++) {
      int total = i * shares * stride;
      for (int share = 1; share < shares; share++) {
        addRow(total, total + share * stride);
      }
      long offset = (long) i * columns * Float.BYTES;
      epilogue.write(
          partial,
          total,
          stride,
          1,
          columns,
          out,
          offset,
          0,
          false,
          biasOrNull,
          0,
          preActivationOrNull);
    }
    this.x = null;
    this.weight = null;
  }

  private void addRow(int to, int from) {
    for (int j = 0; j < stride; j += L) {
      FloatVector.fromArray(Vectors.F, partial, to + j)
          .add(FloatVector.fromArray(Vectors.F, partial, from + j))
          .intoArray(partial, to + j);
    }
  }

  private void sumShare(int share, int worker) {
    int from = share * shareTerms;
    int end = Math.min(terms, from + shareTerms);
    for (int i = 0; i < rows; i++) {
      int to = (i * shares + share) * stride;
      Arrays.fill(partial, to, to + stride, 0f);
    }
    int p = from;
    for (; p + STREAMS <= end; p += STREAMS) {
      for (int i = 0; i < rows; i++) {
        addFour(i, p, (i * shares + share) * stride);
      }
    }
    for (; p < end; p++) {
      for (int i = 0; i < rows; i++) {
        addOne(i, p, 0, (i * shares + share) * stride);
      }
    }
  }

  private float input(int row, int term) {
    return x.get(ValueLayout.JAVA_FLOAT, ((long) row * terms + term) * Float.BYTES);
  }

  private void addFour(int row, int term, int to) {
    FloatVector x0 = FloatVector.broadcast(Vectors.F, input(row, term));
    FloatVector x1 = FloatVector.broadcast(Vectors.F, input(row, term + 1));
    FloatVector x2 = FloatVector.broadcast(Vectors.F, input(row, term + 2));
    FloatVector x3 = FloatVector.broadcast(Vectors.F, input(row, term + 3));
    long line = (long) columns * Float.BYTES;
    long at = term * line;
    int bound = Vectors.F.loopBound(columns);
    for (int j = 0; j < bound; j += L) {
      long w = at + (long) j * Float.BYTES;
      FloatVector sum = FloatVector.fromArray(Vectors.F, partial, to + j);
      sum = x0.fma(FloatVector.fromMemorySegment(Vectors.F, weight, w, ORDER), sum);
      sum = x1.fma(FloatVector.fromMemorySegment(Vectors.F, weight, w + line, ORDER), sum);
      sum = x2.fma(FloatVector.fromMemorySegment(Vectors.F, weight, w + 2 * line, ORDER), sum);
      sum = x3.fma(FloatVector.fromMemorySegment(Vectors.F, weight, w + 3 * line, ORDER), sum);
      sum.intoArray(partial, to + j);
    }
    for (int q = 0; bound < columns && q < STREAMS; q++) {
      addOne(row, term + q, bound, to);
    }
  }

  /** Adds one term to the columns from {@code first} on. */
  private void addOne(int row, int term, int first, int to) {
    float factor = input(row, term);
    for (int j = first; j < columns; j++) {
      float w = weight.get(ValueLayout.JAVA_FLOAT, ((long) term * columns + j) * Float.BYTES);
      partial[to + j] = Math.fma(factor, w, partial[to + j]);
    }
  }
}
