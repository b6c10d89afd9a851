package io.gptjava.cuda;

import static io.gptjava.cuda.Launches.ceiling;

import io.gptjava.core.Tensor;
import io.gptjava.cuda.device.CudaDevice;

/** The second stage of sums over rows: adds the blocks' partial sums in their order. */
final class PartialSums {
  private static final int COLUMNS = 32;
  private static final int THREADS = 512;

  private PartialSums() {}

  /**
   * Adds up partial sums of two vectors.
   *
   * @param partials address of (parts, 2, width) floats
   * @param first (width)
   * @param second (width)
   */
  static void launch(
      CudaDevice device,
      long partials,
      int parts,
      int width,
      Tensor first,
      Tensor second,
      boolean accumulate) {
    device
        .kernel("sum_partials")
        .address(partials)
        .int32(parts)
        .int32(2L * width)
        .int32(width)
        .pointer(first)
        .pointer(second)
        .int32(accumulate ? 1 : 0)
        .launch(ceiling(2L * width, COLUMNS), 1, 1, THREADS, 0);
  }
}
