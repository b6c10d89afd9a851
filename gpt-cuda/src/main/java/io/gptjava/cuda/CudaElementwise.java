package io.gptjava.cuda;

import static io.gptjava.cuda.Launches.ceiling;

import io.gptjava.core.BFloat16;
import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.device.CudaDevice;
import java.util.Locale;

/**
 * GELU, softmax, conversions, fills and copies; the kernels are those of {@code gelu.cu}, {@code
 * softmax.cu} and {@code cast.cu}.
 */
final class CudaElementwise {
  private static final int THREADS = 256;

  /** Packs of a thread in GELU, in fills and in copies. */
  private static final int PACKS = 2;

  private static final int PACK_BYTES = 16;

  /** Elements of a thread in conversions. */
  private static final int CAST_GROUP = 8;

  private static final int WARP = 32;
  private static final int MOST_THREADS = 1024;

  private final CudaDevice device;
  private final KernelForms gelu;
  private final KernelForms geluBackward;
  private final KernelForms softmax;
  private final KernelForms softmaxBackward;

  CudaElementwise(CudaDevice device) {
    this.device = device;
    gelu = new KernelForms(device, "gelu");
    geluBackward = new KernelForms(device, "gelu_backward");
    softmax = new KernelForms(device, "softmax");
    softmaxBackward = new KernelForms(device, "softmax_backward");
  }

  void gelu(Tensor x, Tensor out) {
    DType type = CudaOperands.floatType("x", x);
    CudaOperands.vector("out", out, type, x.count());
    gelu.of(type)
        .pointer(x)
        .pointer(out)
        .int64(x.count())
        .launch(blocks(x.byteSize()), 1, 1, THREADS, 0);
  }

  void geluBackward(Tensor x, Tensor dOut, Tensor dX) {
    DType type = CudaOperands.floatType("x", x);
    CudaOperands.vector("dOut", dOut, type, x.count());
    CudaOperands.vector("dX", dX, type, x.count());
    geluBackward
        .of(type)
        .pointer(x)
        .pointer(dOut)
        .pointer(dX)
        .int64(x.count())
        .launch(blocks(x.byteSize()), 1, 1, THREADS, 0);
  }

  /** Blocks whose threads have two packs each of so many bytes. */
  private static long blocks(long bytes) {
    return Math.max(1, ceiling(bytes, (long) PACKS * PACK_BYTES * THREADS));
  }

  void softmax(Tensor x, Tensor out) {
    long rows = x.rows();
    long columns = x.size(-1);
    DType type = CudaOperands.floatType("x", x, rows, columns);
    CudaOperands.matrix("out", out, type, rows, columns);
    softmax
        .of(type)
        .pointer(x)
        .pointer(out)
        .int32(columns)
        .launch(rows, 1, 1, softmaxThreads(columns), 0);
  }

  void softmaxBackward(Tensor out, Tensor dOut, Tensor dX) {
    long rows = out.rows();
    long columns = out.size(-1);
    DType type = CudaOperands.floatType("out", out, rows, columns);
    CudaOperands.matrix("dOut", dOut, type, rows, columns);
    CudaOperands.matrix("dX", dX, type, rows, columns);
    softmaxBackward
        .of(type)
        .pointer(out)
        .pointer(dOut)
        .pointer(dX)
        .int32(columns)
        .launch(rows, 1, 1, softmaxThreads(columns), 0);
  }

  /** Whole warps, so many that a thread has some elements of a row. */
  private static int softmaxThreads(long columns) {
    return Math.clamp(ceiling(ceiling(columns, 4), WARP) * WARP, WARP, MOST_THREADS);
  }

  void cast(Tensor from, Tensor to) {
    String source = floatName("from", from);
    String target = floatName("to", to);
    CudaOperands.vector("to", to, to.dtype(), from.count());
    if (from.dtype() == to.dtype()) {
      copy(from, to);
      return;
    }
    device
        .kernel("cast_" + source + "_" + target)
        .pointer(from)
        .pointer(to)
        .int64(from.count())
        .launch(Math.max(1, ceiling(from.count(), CAST_GROUP * THREADS)), 1, 1, THREADS, 0);
  }

  private static String floatName(String name, Tensor tensor) {
    CudaOperands.require(isFloat(tensor.dtype()), name, tensor);
    return tensor.dtype().name().toLowerCase(Locale.ROOT);
  }

  private static boolean isFloat(DType dtype) {
    return dtype == DType.F32 || dtype == DType.BF16 || dtype == DType.F16;
  }

  void fill(Tensor tensor, float value) {
    CudaOperands.require(isFloat(tensor.dtype()), "tensor", tensor);
    String kernel = tensor.dtype() == DType.F32 ? "fill_32" : "fill_16";
    device
        .kernel(kernel)
        .pointer(tensor)
        .uint32(bits(tensor.dtype(), value))
        .int64(tensor.count())
        .launch(blocks(tensor.byteSize()), 1, 1, THREADS, 0);
  }

  private static int bits(DType dtype, float value) {
    return switch (dtype) {
      case F32 -> Float.floatToIntBits(value);
      case F16 -> Float.floatToFloat16(value);
      default -> BFloat16.round(value);
    };
  }

  void copy(Tensor from, Tensor to) {
    CudaOperands.vector("to", to, from.dtype(), from.count());
    device
        .kernel("copy_bytes")
        .pointer(from)
        .pointer(to)
        .int64(from.byteSize())
        .launch(blocks(from.byteSize()), 1, 1, THREADS, 0);
  }
}
