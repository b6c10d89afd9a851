package io.gptjava.cuda;

import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.Kernel;

/**
 * A kernel in its forms, each loaded at first use: by dtype, and where it has both, by packs of 16
 * bytes or by single elements.
 */
final class KernelForms {
  private static final int PACK_BYTES = 16;

  private final CudaDevice device;
  private final String name;
  private final Kernel[] packs = new Kernel[DType.values().length];
  private final Kernel[] elements = new Kernel[DType.values().length];

  KernelForms(CudaDevice device, String name) {
    this.device = device;
    this.name = name;
  }

  /** The kernel for a dtype. */
  Kernel of(DType dtype) {
    Kernel kernel = packs[dtype.ordinal()];
    if (kernel == null) {
      kernel = device.kernel(name + CudaOperands.suffix(dtype));
      packs[dtype.ordinal()] = kernel;
    }
    return kernel;
  }

  /** The kernel for a dtype that moves packs, or the one that moves single elements. */
  Kernel of(DType dtype, boolean byPacks) {
    if (byPacks) {
      return of(dtype);
    }
    Kernel kernel = elements[dtype.ordinal()];
    if (kernel == null) {
      kernel = device.kernel(name + "_scalar" + CudaOperands.suffix(dtype));
      elements[dtype.ordinal()] = kernel;
    }
    return kernel;
  }

  /** Elements in 16 bytes. */
  static int pack(DType dtype) {
    return PACK_BYTES / dtype.bytes();
  }

  /**
   * Whether rows of this width consist of packs, each at a multiple of 16 bytes.
   *
   * @param addresses the tensors' addresses, combined by or
   */
  static boolean packed(DType dtype, long width, long addresses) {
    return width % pack(dtype) == 0 && addresses % PACK_BYTES == 0;
  }

  /** The address, 0 for null. */
  static long address(Tensor tensorOrNull) {
    return tensorOrNull == null ? 0 : tensorOrNull.address();
  }

  /** The quotient, rounded up. */
  static long ceiling(long count, long size) {
    return (count + size - 1) / size;
  }
}
