package io.gptjava.cpu.onednn;

/**
 * How a product's output is cut into pieces, each computed by one thread. It depends on the shape
 * only, never on the number of threads: the library sums a piece's terms in an order that depends
 * on the piece's size, so equal pieces give equal bits.
 *
 * <p>Rows of the output are shared out where A is transposed, columns elsewhere: the library copies
 * a transposed A, and B always, so each is copied once, by the thread that multiplies with it.
 *
 * @param count pieces
 * @param length rows or columns of a piece; the last may have fewer
 */
record ProductSplit(int m, int n, boolean byRows, int count, int length) {
  /** Most pieces. */
  private static final int MOST = 8;

  /** Least rows or columns of a piece, while there are as many: smaller ones multiply slower. */
  private static final int LEAST = 192;

  /** Pieces begin at multiples of this, which suits the library's kernels. */
  private static final int UNIT = 64;

  static ProductSplit of(ProductPlan.Shape shape) {
    boolean byRows = shape.transposedA() ? shape.m() >= 2 * LEAST : shape.n() < 2 * LEAST;
    int total = byRows ? shape.m() : shape.n();
    int length = (Math.max(LEAST, (total + MOST - 1) / MOST) + UNIT - 1) / UNIT * UNIT;
    return new ProductSplit(shape.m(), shape.n(), byRows, (total + length - 1) / length, length);
  }

  int firstRow(int piece) {
    return byRows ? piece * length : 0;
  }

  int rows(int piece) {
    return byRows ? Math.min(length, m - piece * length) : m;
  }

  int firstColumn(int piece) {
    return byRows ? 0 : piece * length;
  }

  int columns(int piece) {
    return byRows ? n : Math.min(length, n - piece * length);
  }
}
