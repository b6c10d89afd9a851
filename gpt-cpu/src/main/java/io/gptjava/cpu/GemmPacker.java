package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;

/**
 * Copies a matrix into panels: groups of {@code width} rows of A, or columns of B, stored term
 * after term, so that the kernel reads memory straight ahead. Lines beyond the matrix become zeros.
 *
 * <p>"Lines" are rows of A or columns of B; "terms" are what the product sums over. Panels lie
 * slice after slice ({@link GemmKernel#DEPTH} terms each), within a slice line after line.
 */
final class GemmPacker {
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final int L = Vectors.F.length();

  /** Floats between panels, so that they do not all fall on the same cache sets. */
  private static final int PAD = 16;

  private final boolean linesAreRows;
  private final int width;
  private final int stride;
  private final int panelFloats;

  /**
   * A packer for one operand.
   *
   * @param linesAreRows whether it is A
   * @param width lines in a panel
   * @param stride floats from one term to the next, at least {@code width}
   */
  GemmPacker(boolean linesAreRows, int width, int stride) {
    this.linesAreRows = linesAreRows;
    this.width = width;
    this.stride = stride;
    this.panelFloats = GemmKernel.DEPTH * stride + PAD;
  }

  /** Panels for so many lines. */
  int panels(int lines) {
    return (lines + width - 1) / width;
  }

  /** Floats that a block of lines by terms takes, packed. */
  long floats(int lines, int terms) {
    return (long) slices(terms) * panels(lines) * panelFloats;
  }

  /** Slices for so many terms. */
  static int slices(int terms) {
    return (terms + GemmKernel.DEPTH - 1) / GemmKernel.DEPTH;
  }

  /** Where a panel begins, relative to the block. */
  int offset(int slice, int panel, int panels) {
    return (slice * panels + panel) * panelFloats;
  }

  /**
   * Packs some terms of some panels.
   *
   * @param operand the factor
   * @param line its first line in the block
   * @param lines lines in the block
   * @param term first term in the factor
   * @param from the same term, counted in the block; within one slice with the others
   * @param count terms to pack
   * @param first first panel to pack
   * @param end panel to stop before
   * @param packed receives the block
   * @param base where the block begins
   */
  void pack(
      GemmOperand operand,
      int line,
      int lines,
      int term,
      int from,
      int count,
      int first,
      int end,
      float[] packed,
      int base) {
    int slice = from / GemmKernel.DEPTH;
    int within = from % GemmKernel.DEPTH * stride;
    int panels = panels(lines);
    for (int panel = first; panel < end; panel++) {
      int skipped = panel * width;
      int to = base + offset(slice, panel, panels) + within;
      long at = line + skipped;
      if (operand.transposed() == linesAreRows) {
        straight(
            operand.data(),
            term * operand.leading() + at,
            operand.leading(),
            lines - skipped,
            count,
            packed,
            to);
      } else {
        transposing(
            operand.data(),
            at * operand.leading() + term,
            operand.leading(),
            lines - skipped,
            count,
            packed,
            to);
      }
    }
  }

  /**
   * Packs a part of one panel from a matrix whose lines are contiguous per term (row-major B, or A
   * given transposed).
   *
   * @param at element where the panel's first line and first term lie
   * @param leading elements from one term to the next
   * @param lines lines of the matrix from the panel's first on; may exceed the width
   * @param terms terms to copy
   * @param to where the first term goes
   */
  private void straight(
      MemorySegment matrix, long at, long leading, int lines, int terms, float[] packed, int to) {
    int wide = (width + L - 1) / L * L;
    // Whole vectors spill into the next terms, which are written after them; the last terms' do
    // not.
    int spilled = (wide - width + stride - 1) / stride;
    int whole = lines >= wide ? Math.max(0, terms - spilled) : 0;
    for (int p = 0; p < whole; p++) {
      long source = (at + p * leading) * Float.BYTES;
      for (int r = 0; r < wide; r += L) {
        FloatVector.fromMemorySegment(Vectors.F, matrix, source + (long) r * Float.BYTES, ORDER)
            .intoArray(packed, to + p * stride + r);
      }
    }
    int used = Math.min(lines, width);
    for (int p = whole; p < terms; p++) {
      MemorySegment.copy(
          matrix,
          ValueLayout.JAVA_FLOAT,
          (at + p * leading) * Float.BYTES,
          packed,
          to + p * stride,
          used);
      for (int r = used; r < width; r++) {
        packed[to + p * stride + r] = 0;
      }
    }
  }

  /**
   * Packs a part of one panel from a matrix whose terms are contiguous per line (row-major A, or B
   * given transposed).
   *
   * @param at element where the panel's first line and first term lie
   * @param leading elements from one line to the next
   */
  private void transposing(
      MemorySegment matrix, long at, long leading, int lines, int terms, float[] packed, int to) {
    int used = Math.min(lines, width);
    for (int r = 0; r < used; r++) {
      long source = (at + r * leading) * Float.BYTES;
      for (int p = 0; p < terms; p++) {
        packed[to + p * stride + r] =
            matrix.get(ValueLayout.JAVA_FLOAT, source + (long) p * Float.BYTES);
      }
    }
    for (int r = used; r < width; r++) {
      for (int p = 0; p < terms; p++) {
        packed[to + p * stride + r] = 0;
      }
    }
  }
}
