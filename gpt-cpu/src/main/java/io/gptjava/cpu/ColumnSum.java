package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

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
   * @param matrix rows {@code leading} floats apart
   * @param terms rows
   * @param from first column
   * @param end after the last column
   * @param out receives the sums, from element {@code from} on
   * @param onto whether to add to {@code out}
   */
  static void add(
      MemorySegment matrix,
      long leading,
      int terms,
      int from,
      int end,
      MemorySegment out,
      boolean onto) {
    for (int j = from; j < end; j += L) {
      VectorMask<Float> inside = Vectors.F.indexInRange(j, end);
      FloatVector total = FloatVector.zero(Vectors.F);
      for (int block = 0; block < terms; block += BLOCK) {
        FloatVector sum = FloatVector.zero(Vectors.F);
        for (int p = block; p < Math.min(terms, block + BLOCK); p++) {
          sum = sum.add(load(matrix, (p * leading + j) * Float.BYTES, inside));
        }
        total = total.add(sum);
      }
      long at = (long) j * Float.BYTES;
      FloatVector result = onto ? total.add(load(out, at, inside)) : total;
      result.intoMemorySegment(out, at, Vectors.NATIVE, inside);
    }
  }

  private static FloatVector load(MemorySegment from, long at, VectorMask<Float> inside) {
    return FloatVector.fromMemorySegment(Vectors.F, from, at, Vectors.NATIVE, inside);
  }
}
