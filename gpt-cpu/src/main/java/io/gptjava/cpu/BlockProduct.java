package io.gptjava.cpu;

/**
 * Products of 64×64 blocks on the heap, the only matrix arithmetic of attention. Every block has
 * rows 64 floats apart, so that addresses inside the loops are constants away from one pointer;
 * what lies outside the asked rows, columns and depth may be read and written freely, but never
 * reaches what is inside.
 */
final class BlockProduct {
  /** Rows and columns of a block. */
  static final int SIZE = 64;

  /** Floats of a block. */
  static final int AREA = SIZE * SIZE;

  private static final int STEP = Vectors.F.length();

  /** Columns of one kernel call: two vectors. */
  static final int COLUMNS = 2 * STEP;

  /** Rows of one kernel call: as many accumulators as the registers of this width allow. */
  static final int ROWS = STEP == 16 ? 8 : 4;

  private BlockProduct() {}

  /**
   * {@code c = a · b} or {@code c += a · b}.
   *
   * @param rows rows of a and c
   * @param columns columns of b and c
   * @param depth columns of a, rows of b
   */
  static void multiply(
      float[] a,
      int atA,
      float[] b,
      int atB,
      float[] c,
      int atC,
      int rows,
      int columns,
      int depth,
      boolean accumulate) {
    for (int j = 0; j < columns; j += COLUMNS) {
      for (int i = 0; i < rows; i += ROWS) {
        kernel(a, atA + i * SIZE, b, atB + j, c, atC + i * SIZE + j, depth, accumulate);
      }
    }
  }

  /** {@code c = a · b} where only c's elements on and below the diagonal are wanted. */
  static void multiplyLower(
      float[] a,
      int atA,
      float[] b,
      int atB,
      float[] c,
      int atC,
      int rows,
      int depth,
      boolean add) {
    for (int j = 0; j < rows; j += COLUMNS) {
      for (int i = j; i < rows; i += ROWS) {
        kernel(a, atA + i * SIZE, b, atB + j, c, atC + i * SIZE + j, depth, add);
      }
    }
  }

  /** {@code c += a · b} where a is lower triangular: rows end at the diagonal, or at the depth. */
  static void multiplyTriangle(
      float[] a,
      int atA,
      float[] b,
      int atB,
      float[] c,
      int atC,
      int rows,
      int columns,
      int depth) {
    for (int j = 0; j < columns; j += COLUMNS) {
      for (int i = 0; i < rows; i += ROWS) {
        int end = Math.min(i + ROWS, depth);
        kernel(a, atA + i * SIZE, b, atB + j, c, atC + i * SIZE + j, end, true);
      }
    }
  }

  /**
   * {@code c += aᵀ · b}.
   *
   * @param rows columns of a, rows of c
   * @param columns columns of b and c
   * @param depth rows of a and b
   * @param triangle whether a is lower triangular: its columns begin at the diagonal
   */
  static void multiplyTransposed(
      float[] a,
      int atA,
      float[] b,
      int atB,
      float[] c,
      int atC,
      int rows,
      int columns,
      int depth,
      boolean triangle) {
    for (int j = 0; j < columns; j += COLUMNS) {
      for (int i = 0; i < rows; i += ROWS) {
        int from = triangle ? i : 0;
        transposedKernel(
            a,
            atA + from * SIZE + i,
            b,
            atB + from * SIZE + j,
            c,
            atC + i * SIZE + j,
            depth - from);
      }
    }
  }

  private static void kernel(
      float[] a, int atA, float[] b, int atB, float[] c, int atC, int depth, boolean accumulate) {
    if (ROWS == 8) {
      BlockKernels.wide(a, atA, b, atB, c, atC, depth, accumulate);
    } else {
      BlockKernels.narrow(a, atA, b, atB, c, atC, depth, accumulate);
    }
  }

  private static void transposedKernel(
      float[] a, int atA, float[] b, int atB, float[] c, int atC, int depth) {
    if (ROWS == 8) {
      BlockKernels.wideTransposed(a, atA, b, atB, c, atC, depth);
    } else {
      BlockKernels.narrowTransposed(a, atA, b, atB, c, atC, depth);
    }
  }
}
