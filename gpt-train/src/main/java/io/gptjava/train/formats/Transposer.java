package io.gptjava.train.formats;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Turns matrices between the (outputs, inputs) of PyTorch's {@code Linear} and llm.c and the
 * (inputs, outputs) of {@code Conv1D} and this program.
 */
final class Transposer {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** A block of reads and one of writes fit in the first cache. */
  private static final long BLOCK = 32;

  private Transposer() {}

  /**
   * Transposes a matrix.
   *
   * @param source (rows, columns) fp32
   * @param target (columns, rows) fp32
   */
  static void transpose(MemorySegment source, MemorySegment target, long rows, long columns) {
    for (long r = 0; r < rows; r += BLOCK) {
      for (long c = 0; c < columns; c += BLOCK) {
        block(
            source,
            target,
            rows,
            columns,
            r,
            Math.min(r + BLOCK, rows),
            c,
            Math.min(c + BLOCK, columns));
      }
    }
  }

  private static void block(
      MemorySegment source,
      MemorySegment target,
      long rows,
      long columns,
      long rowBegin,
      long rowEnd,
      long columnBegin,
      long columnEnd) {
    for (long c = columnBegin; c < columnEnd; c++) {
      for (long r = rowBegin; r < rowEnd; r++) {
        float value = source.get(FLOAT, (r * columns + c) * Float.BYTES);
        target.set(FLOAT, (c * rows + r) * Float.BYTES, value);
      }
    }
  }
}
