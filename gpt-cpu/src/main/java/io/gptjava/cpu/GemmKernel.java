package io.gptjava.cpu;

/**
 * The innermost block of the matrix product and its sizes, chosen by the width of this machine's
 * vectors. Which block computes an element never changes its bits: each is one chain of fused
 * multiply-adds over a slice of {@link #DEPTH} terms, and slices are added in order.
 */
final class GemmKernel {
  private static final boolean WIDE = Vectors.F.length() >= 16;

  /** Rows of a block: the width of a packed panel of A. */
  static final int ROWS = WIDE ? GemmKernelWide.ROWS : GemmKernelNarrow.ROWS;

  /** Floats from one term to the next in a packed panel of A. */
  static final int ROW_STRIDE = WIDE ? GemmKernelWide.ROWS : Vectors.F.length();

  /** Columns of a block: the width of a packed panel of B. */
  static final int COLUMNS =
      (WIDE ? GemmKernelWide.VECTORS : GemmKernelNarrow.VECTORS) * Vectors.F.length();

  /**
   * Most terms a call sums: panels of A stay in the first-level cache, those of B in the second.
   */
  static final int DEPTH = 384;

  private static final long WARM_UP_NANOS = 1_500_000_000;
  private static final int WARM_UP_CALLS = 400;

  private GemmKernel() {}

  /**
   * {@code C = A · B} or {@code C += A · B} for one block, all in one array.
   *
   * @param data holds the panels and the block
   * @param a where the panel of A begins, (depth, ROW_STRIDE), the first ROWS of each term used
   * @param b where the panel of B begins, (depth, COLUMNS)
   * @param depth number of terms
   * @param c where the block of C begins
   * @param stride floats from one row of C to the next
   * @param add whether to add to C
   */
  static void run(float[] data, int a, int b, int depth, int c, int stride, boolean add) {
    if (WIDE) {
      GemmKernelWide.run(data, a, b, depth, c, stride, add);
    } else {
      GemmKernelNarrow.run(data, a, b, depth, c, stride, add);
    }
  }

  /**
   * Runs the block on zeros until the optimizing compiler has taken it over, seen by its speed:
   * before that each vector operation is a call, some hundred times slower. Without this the first
   * product of a process would run that way, because it makes few but long calls.
   */
  static void warmUp() {
    int depth = 16;
    float[] data = new float[depth * (ROW_STRIDE + COLUMNS) + ROWS * COLUMNS];
    int b = depth * ROW_STRIDE;
    int c = b + depth * COLUMNS;
    long start = System.nanoTime();
    double enough = 2.0; // multiply-adds a nanosecond; interpreted code does fewer than 0.2
    double rate = 0;
    while (rate < enough && System.nanoTime() - start < WARM_UP_NANOS) {
      long before = System.nanoTime();
      for (int i = 0; i < WARM_UP_CALLS; i++) {
        run(data, 0, b, depth, c, COLUMNS, (i & 1) == 0);
      }
      rate = (double) WARM_UP_CALLS * depth * ROWS * COLUMNS / (System.nanoTime() - before);
    }
  }
}
