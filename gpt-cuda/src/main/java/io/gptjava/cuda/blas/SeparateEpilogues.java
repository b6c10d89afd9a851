package io.gptjava.cuda.blas;

import io.gptjava.core.DType;
import io.gptjava.cuda.device.CudaDevice;
import java.util.Locale;

/**
 * Epilogues as kernels of their own after a plain product: for libraries and shapes that cannot
 * fuse them. They read and write the product once more.
 */
final class SeparateEpilogues {
  private static final int PACK_BYTES = 16;
  private static final int GELU_THREADS = 256;
  private static final int GELU_PACKS = 2; // of a thread
  private static final int BROADCAST_THREADS = 256;
  private static final int SUM_THREADS = 256;
  private static final int SUM_PACKS = 32; // columns of a block
  private static final int SUM_LEAST_ROWS = 32; // of a block
  private static final int SUM_BLOCKS_PER_MULTIPROCESSOR = 4;
  private static final int JOIN_THREADS = 512;
  private static final int JOIN_COLUMNS = 32;

  private final CudaDevice device;
  private final long scratch;
  private final long scratchBytes;

  /** A product without an epilogue. */
  @FunctionalInterface
  interface Product {
    /** Computes it; see {@link Blas#multiply}. */
    void multiply(Matmul shape, long a, long b, long out);
  }

  /**
   * Kernels on a device.
   *
   * @param scratch device memory that nobody needs between two calls of {@link #multiply}; the
   *     product may use it
   */
  SeparateEpilogues(CudaDevice device, long scratch, long scratchBytes) {
    this.device = device;
    this.scratch = scratch;
    this.scratchBytes = scratchBytes;
  }

  /** Computes a product of any epilogue. */
  void multiply(
      Product product, Matmul shape, long a, long b, long out, long bias, long auxiliary) {
    Matmul plain = shape.with(Epilogue.NONE);
    DType type = shape.outputType();
    int rows = shape.rows();
    int columns = shape.columns();
    switch (shape.epilogue()) {
      case NONE -> product.multiply(plain, a, b, out);
      case BIAS -> addToBias(product, shape, a, b, out, bias);
      case GELU, GELU_AUX -> {
        long input = auxiliary == 0 ? out : auxiliary;
        product.multiply(plain, a, b, input);
        gelu(type, input, out, (long) rows * columns);
      }
      case GELU_BIAS, GELU_AUX_BIAS -> {
        long input = auxiliary == 0 ? out : auxiliary;
        addToBias(product, shape, a, b, input, bias);
        gelu(type, input, out, (long) rows * columns);
      }
      case DGELU -> {
        product.multiply(plain, a, b, out);
        geluBackward(type, auxiliary, out, (long) rows * columns);
      }
      case BIAS_GRADIENT -> {
        product.multiply(plain, a, b, out);
        columnSums(shape.inputType(), b, bias, shape.inner(), columns, shape.accumulate());
      }
    }
  }

  /**
   * Adds the product to rows that all hold the bias: it is then rounded once to the output's type,
   * as by a fused epilogue, and no more is moved than by adding the bias afterwards.
   */
  private void addToBias(Product product, Matmul shape, long a, long b, long out, long bias) {
    DType type = shape.outputType();
    int columns = shape.columns();
    device
        .kernel("broadcast_bias" + suffix(type))
        .address(bias)
        .address(out)
        .int32(shape.rows())
        .int32(columns)
        .launch(
            ceiling((long) shape.rows() * ceiling(columns, pack(type)), BROADCAST_THREADS),
            1,
            1,
            BROADCAST_THREADS,
            0);
    product.multiply(shape.with(Epilogue.NONE).accumulating(true), a, b, out);
  }

  private void gelu(DType type, long x, long out, long count) {
    device
        .kernel("gelu" + suffix(type))
        .address(x)
        .address(out)
        .int64(count)
        .launch(geluBlocks(type, count), 1, 1, GELU_THREADS, 0);
  }

  private void geluBackward(DType type, long x, long gradient, long count) {
    device
        .kernel("gelu_backward" + suffix(type))
        .address(x)
        .address(gradient)
        .address(gradient)
        .int64(count)
        .launch(geluBlocks(type, count), 1, 1, GELU_THREADS, 0);
  }

  private static long geluBlocks(DType type, long count) {
    return ceiling(count, (long) GELU_PACKS * pack(type) * GELU_THREADS);
  }

  /** Sums of each column, in parts of rows that a second kernel joins in order. */
  void columnSums(DType type, long x, long sums, int rows, int columns, boolean accumulate) {
    int columnBlocks = (int) ceiling(columns, (long) SUM_PACKS * pack(type));
    long wanted =
        ceiling((long) SUM_BLOCKS_PER_MULTIPROCESSOR * device.multiprocessors(), columnBlocks);
    long fitting = scratchBytes / ((long) columns * Float.BYTES);
    if (fitting < 1) {
      throw new IllegalArgumentException(columns + " columns");
    }
    long rowsPerBlock = Math.max(SUM_LEAST_ROWS, ceiling(rows, Math.min(wanted, fitting)));
    int parts = (int) ceiling(rows, rowsPerBlock);
    device
        .kernel("column_sums" + suffix(type))
        .address(x)
        .address(scratch)
        .int32(rows)
        .int32(columns)
        .int32(rowsPerBlock)
        .launch(columnBlocks, parts, 1, SUM_THREADS, 0);
    join(scratch, parts, columns, sums, accumulate);
  }

  /**
   * Adds a vector to another.
   *
   * @param columns of both
   */
  void add(long vector, long sums, int columns) {
    join(vector, 1, columns, sums, true);
  }

  private void join(long partials, int parts, int columns, long sums, boolean accumulate) {
    device
        .kernel("sum_partials")
        .address(partials)
        .int32(parts)
        .int32(columns)
        .int32(columns)
        .address(sums)
        .address(0)
        .int32(accumulate ? 1 : 0)
        .launch(ceiling(columns, JOIN_COLUMNS), 1, 1, JOIN_THREADS, 0);
  }

  private static int pack(DType type) {
    return PACK_BYTES / type.bytes();
  }

  private static long ceiling(long count, long size) {
    return (count + size - 1) / size;
  }

  private static String suffix(DType type) {
    return "_" + type.name().toLowerCase(Locale.ROOT);
  }
}
