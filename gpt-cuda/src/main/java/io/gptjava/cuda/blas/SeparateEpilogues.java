package io.gptjava.cuda.blas;

import io.gptjava.core.DType;
import io.gptjava.cuda.device.CudaDevice;

/**
 * Epilogues as kernels of their own after a plain product: for libraries and shapes that cannot
 * fuse them. They read and write the product once more.
 */
final class SeparateEpilogues {
  private static final int PACK_BYTES = 16;
  private static final int THREADS = 256;
  private static final int MOST_PARTS = 64;
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
      case BIAS -> {
        product.multiply(plain, a, b, out);
        addBias(type, out, bias, rows, columns);
      }
      case GELU, GELU_BIAS -> {
        product.multiply(plain, a, b, out);
        biasGelu(type, out, bias, 0, out, rows, columns);
      }
      case GELU_AUX, GELU_AUX_BIAS -> {
        product.multiply(plain, a, b, auxiliary);
        biasGelu(type, auxiliary, bias, auxiliary, out, rows, columns);
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

  private void addBias(DType type, long x, long bias, int rows, int columns) {
    device
        .kernel("add_bias" + suffix(type))
        .address(x)
        .address(bias)
        .int32(rows)
        .int32(columns)
        .launch(packBlocks(type, rows, columns), 1, 1, THREADS, 0);
  }

  private void biasGelu(
      DType type, long x, long bias, long preActivation, long out, int rows, int columns) {
    device
        .kernel("bias_gelu" + suffix(type))
        .address(x)
        .address(bias)
        .address(preActivation)
        .address(out)
        .int32(rows)
        .int32(columns)
        .launch(packBlocks(type, rows, columns), 1, 1, THREADS, 0);
  }

  private void geluBackward(DType type, long x, long gradient, long count) {
    long perBlock = 2L * pack(type) * THREADS;
    device
        .kernel("gelu_backward" + suffix(type))
        .address(x)
        .address(gradient)
        .address(gradient)
        .int64(count)
        .launch(ceiling(count, perBlock), 1, 1, THREADS, 0);
  }

  /** Sums of each column, in parts of rows that a second kernel joins in order. */
  void columnSums(DType type, long x, long sums, int rows, int columns, boolean accumulate) {
    int fitting = (int) Math.min(MOST_PARTS, scratchBytes / (4L * columns));
    if (fitting < 1) {
      throw new IllegalArgumentException(columns + " columns");
    }
    int rowsPerBlock = Math.max(8, (int) ceiling(rows, fitting));
    int parts = (int) ceiling(rows, rowsPerBlock);
    device
        .kernel("column_sums" + suffix(type))
        .address(x)
        .address(scratch)
        .int32(rows)
        .int32(columns)
        .int32(rowsPerBlock)
        .launch(ceiling(columns, 32L * pack(type)), parts, 1, THREADS, 0);
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

  private static long packBlocks(DType type, int rows, int columns) {
    return ceiling((long) rows * ceiling(columns, pack(type)), THREADS);
  }

  private static int pack(DType type) {
    return PACK_BYTES / type.bytes();
  }

  private static long ceiling(long count, long size) {
    return (count + size - 1) / size;
  }

  private static String suffix(DType type) {
    return type == DType.F32 ? "_f32" : "_bf16";
  }
}
