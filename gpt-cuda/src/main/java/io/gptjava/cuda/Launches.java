package io.gptjava.cuda;

import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.device.Kernel;

/** What launches of the kernels have in common. */
final class Launches {
  /** Bytes that a thread moves at once, at a multiple of as many. */
  private static final int PACK_BYTES = 16;

  private static final int PURPOSE_SHIFT = 24;

  private Launches() {}

  /** The quotient, rounded up. */
  static long ceiling(long count, long size) {
    return (count + size - 1) / size;
  }

  /** Elements in a pack. */
  static int pack(DType dtype) {
    return PACK_BYTES / dtype.bytes();
  }

  /**
   * Whether rows of this width consist of packs.
   *
   * @param addresses those of the tensors, combined by or
   */
  static boolean packed(DType dtype, long width, long addresses) {
    return width % pack(dtype) == 0 && addresses % PACK_BYTES == 0;
  }

  /** A tensor's address, 0 for null. */
  static long address(Tensor tensorOrNull) {
    return tensorOrNull == null ? 0 : tensorOrNull.address();
  }

  /** Gives a kernel its three arguments of dropout. */
  static Kernel dropout(Kernel kernel, Dropout dropout, CudaStepControl control) {
    return kernel
        .uint32(dropout.threshold())
        .uint32(dropout.purpose() << PURPOSE_SHIFT | dropout.site())
        .address(control.address());
  }
}
