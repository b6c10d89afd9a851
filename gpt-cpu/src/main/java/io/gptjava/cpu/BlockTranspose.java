package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;

/** Transposes square blocks of floats in registers, of the size that this machine's allow. */
final class BlockTranspose {
  private static final int LANES = Vectors.F.length();
  private static final boolean WIDE = LANES == BlockTransposeWide.SIZE;

  /** Whether there is such a transposition for this machine's vectors. */
  static final boolean AVAILABLE = WIDE || LANES == BlockTransposeNarrow.SIZE;

  /** Rows and columns of a block. */
  static final int SIZE = LANES;

  private BlockTranspose() {}

  /**
   * {@code out[at + j·stride + i] = matrix[offset + i·rowBytes + 4·j]} for i and j below {@link
   * #SIZE}.
   *
   * @param offset byte of the block's first element
   * @param rowBytes bytes from row to row
   */
  static void run(
      MemorySegment matrix, long offset, long rowBytes, float[] out, int at, int stride) {
    if (WIDE) {
      BlockTransposeWide.run(matrix, offset, rowBytes, out, at, stride);
    } else {
      BlockTransposeNarrow.run(matrix, offset, rowBytes, out, at, stride);
    }
  }
}
