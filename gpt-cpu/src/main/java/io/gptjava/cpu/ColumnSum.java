package io.gptjava.cpu;

import io.gptjava.core.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;

/**
 * Sums of a matrix's columns, the gradient of a bias, taken from the panels that a product has just
 * packed. Terms are summed in blocks of {@link #BLOCK}, blocks in order, so that rounding errors
 * stay small.
 */
final class ColumnSum {
  private static final int L = Vectors.F.length();

  /** Terms summed before their sum joins the total. */
  private static final int BLOCK = 64;

  private ColumnSum() {}

  /**
   * Writes or adds the sums of neighbouring panels' columns.
   *
   * @param packed holds the panels, {@link GemmPacker#PANEL_B} apart
   * @param at where the first begins
   * @param terms in each panel
   * @param columns columns there are
   * @param out receives the sums
   * @param first element of {@code out} for the first column
   * @param onto whether to add to {@code out}
   */
  static void add(
      float[] packed, int at, int terms, int columns, MemorySegment out, int first, boolean onto) {
    for (int j = 0; j < columns; j += L) {
      int panel = at + j / GemmKernel.COLUMNS * GemmPacker.PANEL_B + j % GemmKernel.COLUMNS;
      long to = (long) (first + j) * Float.BYTES;
      if (j + L <= columns) {
        whole(packed, panel, terms, out, to, onto);
      } else {
        for (int i = 0; i < columns - j; i++) {
          single(packed, panel + i, terms, out, to + (long) i * Float.BYTES, onto);
        }
      }
    }
  }

  private static void whole(
      float[] packed, int at, int terms, MemorySegment out, long to, boolean onto) {
    FloatVector total = FloatVector.zero(Vectors.F);
    for (int from = 0; from < terms; from += BLOCK) {
      int end = Math.min(terms, from + BLOCK);
      FloatVector sum = FloatVector.zero(Vectors.F);
      for (int p = from; p < end; p++) {
        sum = sum.add(FloatVector.fromArray(Vectors.F, packed, at + p * GemmKernel.COLUMNS));
      }
      total = total.add(sum);
    }
    Vectors.store(onto ? total.add(Vectors.load(out, to)) : total, out, to);
  }

  private static void single(
      float[] packed, int at, int terms, MemorySegment out, long to, boolean onto) {
    float total = 0;
    for (int from = 0; from < terms; from += BLOCK) {
      int end = Math.min(terms, from + BLOCK);
      float sum = 0;
      for (int p = from; p < end; p++) {
        sum += packed[at + p * GemmKernel.COLUMNS];
      }
      total += sum;
    }
    float before = onto ? out.get(ValueLayout.JAVA_FLOAT, to) : 0;
    out.set(ValueLayout.JAVA_FLOAT, to, total + before);
  }

  /**
   * Writes or adds the sums of a matrix's columns as it lies in memory.
   *
   * @param matrix not transposed
   * @param terms rows
   * @param from first column
   * @param end after the last column
   * @param out receives the sums, from element {@code from} on
   * @param onto whether to add to {@code out}
   */
  static void add(
      GemmOperand matrix, int terms, int from, int end, MemorySegment out, boolean onto) {
    boolean halves = matrix.type() == DType.BF16;
    int j = from;
    for (; j + L <= end; j += L) {
      long at = (long) j * Float.BYTES;
      if (halves) {
        halves(matrix, terms, j, out, at, onto);
      } else {
        floats(matrix, terms, j, out, at, onto);
      }
    }
    for (; j < end; j++) {
      last(matrix, terms, j, out, (long) j * Float.BYTES, onto);
    }
  }

  private static void floats(
      GemmOperand matrix, int terms, int column, MemorySegment out, long to, boolean onto) {
    FloatVector total = FloatVector.zero(Vectors.F);
    for (int block = 0; block < terms; block += BLOCK) {
      FloatVector sum = FloatVector.zero(Vectors.F);
      for (int p = block; p < Math.min(terms, block + BLOCK); p++) {
        sum = sum.add(Vectors.load(matrix.data(), matrix.offset(p, column)));
      }
      total = total.add(sum);
    }
    Vectors.store(onto ? total.add(Vectors.load(out, to)) : total, out, to);
  }

  private static void halves(
      GemmOperand matrix, int terms, int column, MemorySegment out, long to, boolean onto) {
    FloatVector total = FloatVector.zero(Vectors.F);
    for (int block = 0; block < terms; block += BLOCK) {
      FloatVector sum = FloatVector.zero(Vectors.F);
      for (int p = block; p < Math.min(terms, block + BLOCK); p++) {
        sum = sum.add(HalfVectors.load(matrix.data(), matrix.offset(p, column)));
      }
      total = total.add(sum);
    }
    Vectors.store(onto ? total.add(Vectors.load(out, to)) : total, out, to);
  }

  /** A column that fills no vector. */
  private static void last(
      GemmOperand matrix, int terms, int column, MemorySegment out, long to, boolean onto) {
    float total = 0;
    for (int block = 0; block < terms; block += BLOCK) {
      float sum = 0;
      for (int p = block; p < Math.min(terms, block + BLOCK); p++) {
        sum += matrix.get(p, column);
      }
      total += sum;
    }
    float before = onto ? out.get(ValueLayout.JAVA_FLOAT, to) : 0;
    out.set(ValueLayout.JAVA_FLOAT, to, total + before);
  }
}
