package io.gptjava.cpu;

import io.gptjava.core.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Copies slices of the factors (at most {@link GemmKernel#DEPTH} terms) into panels that the kernel
 * reads straight ahead: {@link GemmKernel#ROWS} rows of A, or {@link GemmKernel#COLUMNS} columns of
 * B, term after term. Lines beyond the matrix become zeros.
 */
final class GemmPacker {
  private static final int L = Vectors.F.length();

  /**
   * Floats that a panel of A takes: between two lies what the last term's whole vectors overwrite.
   */
  static final int PANEL_A = GemmKernel.DEPTH * GemmKernel.ROW_STRIDE + 16;

  /** Floats that a panel of B takes; the gap keeps panels off each other's cache sets. */
  static final int PANEL_B = GemmKernel.DEPTH * GemmKernel.COLUMNS + 16;

  /**
   * Panels of A that are packed together, and terms that are staged for them at a time. Memory is
   * read along its rows as far as the staging area, a part of the second-level cache, allows: many
   * terms of few rows of A, or many rows of few terms of a transposed one.
   */
  private static final int GROUP = 8;

  private static final int CHUNK = GemmKernel.DEPTH;
  private static final int GROUP_TRANSPOSED = 32;
  private static final int CHUNK_TRANSPOSED = 64;

  /** Scratch that a thread packs A with. */
  static final int STAGING_FLOATS =
      Math.max(CHUNK * staged(GROUP), CHUNK_TRANSPOSED * staged(GROUP_TRANSPOSED));

  private GemmPacker() {}

  /** Floats from one staged term to the next: whole vectors may be read from any of its panels. */
  private static int staged(int group) {
    return (group * GemmKernel.ROWS + 2 * L) / L * L;
  }

  /** Panels of A that one call of {@link #rows} packs. */
  static int group(GemmOperand a) {
    return a.transposed() ? GROUP_TRANSPOSED : GROUP;
  }

  /**
   * Packs a slice of a group of panels of A.
   *
   * @param a the left factor
   * @param row first row
   * @param rows rows there are, at most those of {@link #group} panels
   * @param term first term
   * @param terms at most {@link GemmKernel#DEPTH}
   * @param packed receives the panels at {@code to}, {@link #PANEL_A} apart
   * @param staging where {@link #STAGING_FLOATS} of scratch begin in it
   */
  static void rows(
      GemmOperand a, int row, int rows, int term, int terms, float[] packed, int to, int staging) {
    int panels = (rows + GemmKernel.ROWS - 1) / GemmKernel.ROWS;
    int chunk = a.transposed() ? CHUNK_TRANSPOSED : CHUNK;
    int stride = staged(group(a));
    for (int from = 0; from < terms; from += chunk) {
      int count = Math.min(chunk, terms - from);
      stage(a, row, rows, term + from, count, packed, staging, stride);
      for (int panel = 0; panel < panels; panel++) {
        int target = to + panel * PANEL_A + from * GemmKernel.ROW_STRIDE;
        spread(packed, staging + panel * GemmKernel.ROWS, stride, target, count);
      }
    }
  }

  /** Whole vectors spill into the next term, which is written after, or into the gap. */
  private static void spread(float[] packed, int from, int stride, int to, int terms) {
    for (int p = 0; p < terms; p++) {
      for (int r = 0; r < GemmKernel.ROWS; r += L) {
        FloatVector.fromArray(Vectors.F, packed, from + p * stride + r)
            .intoArray(packed, to + p * GemmKernel.ROW_STRIDE + r);
      }
    }
  }

  /** Terms of the rows, each term's rows side by side, the rest of the group zero. */
  private static void stage(
      GemmOperand a,
      int row,
      int rows,
      int term,
      int terms,
      float[] packed,
      int staging,
      int stride) {
    if (rows < group(a) * GemmKernel.ROWS) {
      Arrays.fill(packed, staging, staging + terms * stride, 0f);
    }
    if (a.transposed()) {
      for (int p = 0; p < terms; p++) {
        copy(a, a.offset(term + p, row), packed, staging + p * stride, rows);
      }
    } else {
      transpose(a, row, rows, term, terms, packed, staging, stride);
    }
  }

  /**
   * Packs a slice of neighbouring panels of B.
   *
   * @param b the right factor
   * @param column first column
   * @param columns columns there are; a last panel that they do not fill is filled with zeros
   * @param term first term
   * @param terms at most {@link GemmKernel#DEPTH}
   * @param packed receives the panels at {@code to}, {@link #PANEL_B} apart
   */
  static void columns(
      GemmOperand b, int column, int columns, int term, int terms, float[] packed, int to) {
    int whole = columns / GemmKernel.COLUMNS;
    int rest = columns % GemmKernel.COLUMNS;
    if (rest > 0) {
      int last = to + whole * PANEL_B;
      Arrays.fill(packed, last, last + terms * GemmKernel.COLUMNS, 0f);
    }
    if (b.transposed()) {
      for (int j = 0; j < columns; j += GemmKernel.COLUMNS) {
        int lines = Math.min(GemmKernel.COLUMNS, columns - j);
        transpose(b, column + j, lines, term, terms, packed, to, GemmKernel.COLUMNS);
        to += PANEL_B;
      }
      return;
    }
    for (int p = 0; p < terms; p++) {
      long source = b.offset(term + p, column);
      int target = to + p * GemmKernel.COLUMNS;
      if (b.type() == DType.BF16) {
        for (int j = 0; j < columns; j += GemmKernel.COLUMNS) {
          int count = Math.min(GemmKernel.COLUMNS, columns - j);
          copy(b, source + (long) j * HalfVectors.BYTES, packed, target, count);
          target += PANEL_B;
        }
        continue;
      }
      for (int panel = 0; panel < whole; panel++) {
        for (int j = 0; j < GemmKernel.COLUMNS; j += L) {
          Vectors.load(b.data(), source).intoArray(packed, target + j);
          source += L * Float.BYTES;
        }
        target += PANEL_B;
      }
      if (rest > 0) {
        MemorySegment.copy(b.data(), ValueLayout.JAVA_FLOAT, source, packed, target, rest);
      }
    }
  }

  private static void copy(GemmOperand from, long source, float[] packed, int to, int count) {
    if (from.type() == DType.BF16) {
      HalfVectors.widen(from.data(), source, packed, to, count);
    } else {
      MemorySegment.copy(from.data(), ValueLayout.JAVA_FLOAT, source, packed, to, count);
    }
  }

  /** Lines whose terms lie side by side in memory, written term after term. */
  private static void transpose(
      GemmOperand matrix,
      int line,
      int lines,
      int term,
      int terms,
      float[] packed,
      int to,
      int stride) {
    int size = BlockTranspose.SIZE;
    long rowBytes = matrix.leading() * Float.BYTES;
    int blockTerms = terms / size * size;
    boolean blocks = BlockTranspose.AVAILABLE && matrix.type() == DType.F32;
    int blockLines = blocks ? lines / size * size : 0;
    for (int r = 0; r < blockLines; r += size) {
      for (int p = 0; p < blockTerms; p += size) {
        long source = (line + r) * rowBytes + (long) (term + p) * Float.BYTES;
        BlockTranspose.run(matrix.data(), source, rowBytes, packed, to + p * stride + r, stride);
      }
    }
    for (int r = 0; r < lines; r++) {
      int target = to + r;
      for (int p = r < blockLines ? blockTerms : 0; p < terms; p++) {
        packed[target + p * stride] = matrix.get(line + r, term + p);
      }
    }
  }
}
