package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
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

  /** Terms that are staged at a time: as many as the first-level cache holds for a panel. */
  private static final int CHUNK = 64;

  /** Floats from one staged line to the next. */
  private static final int STAGED_STRIDE = CHUNK + 16;

  /** Scratch that one thread packs with. */
  static final int STAGING_FLOATS =
      STAGED_STRIDE * Math.max(GemmKernel.COLUMNS, GemmKernel.ROW_STRIDE);

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
   * @param staging where {@link #STAGING_FLOATS} of scratch begin
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
      int base,
      int staging) {
    int slice = from / GemmKernel.DEPTH;
    int within = from % GemmKernel.DEPTH * stride;
    int panels = panels(lines);
    if (operand.transposed() == linesAreRows) {
      int to = base + offset(slice, first, panels) + within;
      int skipped = first * width;
      long at = term * operand.leading() + line + skipped;
      int used = Math.min(lines, end * width) - skipped;
      straight(operand, at, lines - skipped, used, count, packed, to);
      return;
    }
    for (int panel = first; panel < end; panel++) {
      int skipped = panel * width;
      int to = base + offset(slice, panel, panels) + within;
      long at = (line + skipped) * operand.leading() + term;
      int used = Math.min(lines - skipped, width);
      for (int p = 0; p < count; p += CHUNK) {
        int terms = Math.min(CHUNK, count - p);
        transposing(operand, at + p, used, terms, packed, to + p * stride, staging);
      }
    }
  }

  /**
   * Packs some terms of neighbouring panels from a matrix whose lines are contiguous per term
   * (row-major B, or A given transposed), reading along the lines.
   */
  private void straight(
      GemmOperand operand, long at, int readable, int used, int terms, float[] packed, int to) {
    int wide = (width + L - 1) / L * L;
    // Whole vectors spill into the next terms, which are written after them; the last terms' do
    // not.
    int spilling = terms - (wide - width + stride - 1) / stride;
    for (int p = 0; p < terms; p++) {
      long source = (at + p * operand.leading()) * Float.BYTES;
      int target = to + p * stride;
      int line = 0;
      for (; p < spilling && line + wide <= readable && line < used; line += width) {
        copy(operand.data(), source + (long) line * Float.BYTES, packed, target, wide);
        target += panelFloats;
      }
      for (; line < used; line += width) {
        for (int r = 0; r < width; r++) {
          long from = source + (long) (line + r) * Float.BYTES;
          packed[target + r] =
              line + r < used ? operand.data().get(ValueLayout.JAVA_FLOAT, from) : 0;
        }
        target += panelFloats;
      }
    }
  }

  private static void copy(MemorySegment matrix, long source, float[] packed, int to, int floats) {
    for (int r = 0; r < floats; r += L) {
      FloatVector.fromMemorySegment(Vectors.F, matrix, source + (long) r * Float.BYTES, ORDER)
          .intoArray(packed, to + r);
    }
  }

  /**
   * Packs some terms of one panel from a matrix whose terms are contiguous per line (row-major A,
   * or B given transposed): the lines are staged, then spread over the terms.
   */
  private void transposing(
      GemmOperand operand, long at, int used, int terms, float[] packed, int to, int staging) {
    for (int r = 0; r < used; r++) {
      long source = (at + r * operand.leading()) * Float.BYTES;
      int row = staging + r * STAGED_STRIDE;
      MemorySegment.copy(operand.data(), ValueLayout.JAVA_FLOAT, source, packed, row, terms);
    }
    for (int r = used; r < width; r++) {
      int row = staging + r * STAGED_STRIDE;
      Arrays.fill(packed, row, row + terms, 0f);
    }
    for (int r = 0; r < width; r++) {
      spread(packed, staging + r * STAGED_STRIDE, terms, to + r, stride);
    }
  }

  private static void spread(float[] packed, int from, int count, int to, int stride) {
    for (int p = 0; p < count; p++) {
      packed[to + p * stride] = packed[from + p];
    }
  }
}
