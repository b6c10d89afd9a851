package io.gptjava.cpu;

import io.gptjava.core.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Product of a few rows with a matrix at memory speed: the weights are read once, front to back,
 * and nothing is packed. Each task sums a fixed share of the terms into a partial row; partial rows
 * are added in order, so any number of threads gives the same bits.
 */
final class RowProduct {
  private static final int L = Vectors.F.length();

  /** Rows of the matrix that one pass takes: as many streams as the prefetchers follow well. */
  private static final int STREAMS = 4;

  /** Shares that the terms are cut into, at most. */
  private static final int SHARES = 16;

  /** Rows of the first worker's scratch: inputs, bias, sums. */
  private static final int X = 7;

  private static final int BIAS = 6;
  private static final int OUT = 5;

  private final WorkerPool pool;
  private final RowScratch scratch;
  private final WorkerPool.Task summing = this::sumShare;
  private float[] partial = new float[0]; // (rows, shares, stride)
  private DType type;
  private MemorySegment x;
  private MemorySegment weight;
  private int columns;
  private int terms;
  private int rows;
  private int shareTerms;
  private int shares;
  private int stride;

  RowProduct(WorkerPool pool, RowScratch scratch) {
    this.pool = pool;
    this.scratch = scratch;
  }

  /**
   * {@code out = epilogue(x · weight)}.
   *
   * @param type of all: F32 or BF16
   * @param x (rows, terms)
   * @param weight (terms, columns)
   * @param out (rows, columns)
   */
  void multiply(
      DType type,
      MemorySegment x,
      MemorySegment weight,
      int rows,
      int columns,
      int terms,
      MemorySegment out,
      GemmEpilogue epilogue,
      MemorySegment biasOrNull,
      MemorySegment preActivationOrNull) {
    this.type = type;
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
    if (type == DType.BF16) {
      scratch.reserve(Math.max(STREAMS * (long) columns, (long) rows * terms));
      scratch.reserve(HalfGelu.BLOCK);
      this.x = scratch.row(0, X);
      HalfVectors.widen(x, 0, this.x, 0, rows * terms);
    }
    pool.run(shares, summing);
    for (int i = 0; i < rows; i++) {
      int total = i * shares * stride;
      for (int share = 1; share < shares; share++) {
        addRow(total, total + share * stride);
      }
      if (type == DType.BF16) {
        writeHalves(total, i, out, epilogue, biasOrNull, preActivationOrNull);
        continue;
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

  /** The sum is rounded before GELU sees it, as where products of many rows are. */
  private void writeHalves(
      int total,
      int row,
      MemorySegment out,
      GemmEpilogue epilogue,
      MemorySegment biasOrNull,
      MemorySegment preActivationOrNull) {
    MemorySegment bias = null;
    if (biasOrNull != null) {
      bias = scratch.row(0, BIAS);
      HalfVectors.widen(biasOrNull, 0, bias, 0, columns);
    }
    MemorySegment sums = scratch.row(0, OUT);
    GemmEpilogue.BIAS.write(partial, total, stride, 1, columns, sums, 0, 0, false, bias, 0, null);
    long first = (long) row * columns;
    MemorySegment to = preActivationOrNull == null ? out : preActivationOrNull;
    HalfVectors.narrow(sums, 0, to, first * HalfVectors.BYTES, columns);
    if (epilogue == GemmEpilogue.BIAS_GELU) {
      HalfGelu.forward(to, out, first, columns, sums);
    }
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
    for (int p = from; p < end; p += STREAMS) {
      int count = Math.min(STREAMS, end - p);
      MemorySegment lines = weight;
      long at = (long) p * columns * Float.BYTES;
      if (type == DType.BF16) {
        lines = scratch.row(worker, 0);
        HalfVectors.widen(
            weight, (long) p * columns * HalfVectors.BYTES, lines, 0, count * columns);
        at = 0;
      }
      for (int i = 0; i < rows; i++) {
        int to = (i * shares + share) * stride;
        if (count == STREAMS) {
          addFour(i, p, lines, at, to);
        } else {
          for (int q = 0; q < count; q++) {
            addOne(i, p + q, lines, at + (long) q * columns * Float.BYTES, 0, to);
          }
        }
      }
    }
  }

  private float input(int row, int term) {
    return x.get(ValueLayout.JAVA_FLOAT, ((long) row * terms + term) * Float.BYTES);
  }

  /** Adds four terms, whose lines of weights begin at a byte. */
  private void addFour(int row, int term, MemorySegment lines, long at, int to) {
    FloatVector x0 = FloatVector.broadcast(Vectors.F, input(row, term));
    FloatVector x1 = FloatVector.broadcast(Vectors.F, input(row, term + 1));
    FloatVector x2 = FloatVector.broadcast(Vectors.F, input(row, term + 2));
    FloatVector x3 = FloatVector.broadcast(Vectors.F, input(row, term + 3));
    long line = (long) columns * Float.BYTES;
    int bound = Vectors.F.loopBound(columns);
    for (int j = 0; j < bound; j += L) {
      long w = at + (long) j * Float.BYTES;
      FloatVector sum = FloatVector.fromArray(Vectors.F, partial, to + j);
      sum = x0.fma(Vectors.load(lines, w), sum);
      sum = x1.fma(Vectors.load(lines, w + line), sum);
      sum = x2.fma(Vectors.load(lines, w + 2 * line), sum);
      sum = x3.fma(Vectors.load(lines, w + 3 * line), sum);
      sum.intoArray(partial, to + j);
    }
    for (int q = 0; bound < columns && q < STREAMS; q++) {
      addOne(row, term + q, lines, at + q * line, bound, to);
    }
  }

  /** Adds one term to the columns from {@code first} on. */
  private void addOne(int row, int term, MemorySegment line, long at, int first, int to) {
    float factor = input(row, term);
    for (int j = first; j < columns; j++) {
      float w = line.get(ValueLayout.JAVA_FLOAT, at + (long) j * Float.BYTES);
      partial[to + j] = Math.fma(factor, w, partial[to + j]);
    }
  }
}
