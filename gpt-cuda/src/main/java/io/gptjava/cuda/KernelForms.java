package io.gptjava.cuda;

import io.gptjava.core.DType;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.Kernel;

/**
 * A kernel in its forms, each loaded at first use: by dtype, and where it has both, by packs of 16
 * bytes or by single elements.
 */
final class KernelForms {
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
}
