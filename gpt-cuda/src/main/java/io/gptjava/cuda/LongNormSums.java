package io.gptjava.cuda;

import static io.gptjava.cuda.Launches.ceiling;

import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.device.CudaDevice;

/**
 * The gradients of gamma and beta where rows are too long for a thread to keep sums of several: a
 * block adds up some rows of some columns; the kernels are {@code layer_norm_sums_long} of {@code
 * layernorm_long.cu}.
 */
final class LongNormSums {
  private static final int THREADS = 128;

  /** Blocks that a multiprocessor is given. */
  private static final int BLOCKS = 8;

  private final CudaDevice device;
  private final KernelForms sums;

  LongNormSums(CudaDevice device) {
    this.device = device;
    sums = new KernelForms(device, "layer_norm_sums_long");
  }

  /**
   * Writes partial sums of dGamma and dBeta: (parts, 2, width) floats.
   *
   * @param dOut (rows, width), 16-bit or float
   * @param x (rows, width)
   * @param mean (rows)
   * @param rstd (rows)
   * @param workspace at least {@link #workspace} bytes
   * @return parts
   */
  int launch(
      DType type,
      boolean packed,
      Tensor dOut,
      Tensor x,
      Tensor mean,
      Tensor rstd,
      Tensor workspace) {
    long rows = x.rows();
    long width = x.size(-1);
    long blocksOfColumns = blocksOfColumns(width, packed ? Launches.pack(type) : 1);
    long rowsOfBlock = rowsOfBlock(rows, blocksOfColumns);
    int parts = (int) ceiling(rows, rowsOfBlock);
    sums.of(type, packed)
        .pointer(dOut)
        .pointer(x)
        .pointer(mean)
        .pointer(rstd)
        .pointer(workspace)
        .int32(rows)
        .int32(width)
        .int32(rowsOfBlock)
        .launch(blocksOfColumns, parts, 1, THREADS, 0);
    return parts;
  }

  /**
   * Bytes of the partial sums, whatever the type: most blocks of rows come with the widest packs.
   */
  long workspace(long rows, int width) {
    long blocksOfColumns = blocksOfColumns(width, Launches.pack(DType.BF16));
    return 2L * Float.BYTES * width * ceiling(rows, rowsOfBlock(rows, blocksOfColumns));
  }

  private static long blocksOfColumns(long width, int pack) {
    return ceiling(width, (long) THREADS * pack);
  }

  private long rowsOfBlock(long rows, long blocksOfColumns) {
    long blocksOfRows = Math.max(1, (long) device.multiprocessors() * BLOCKS / blocksOfColumns);
    return ceiling(rows, Math.min(rows, blocksOfRows));
  }
}
