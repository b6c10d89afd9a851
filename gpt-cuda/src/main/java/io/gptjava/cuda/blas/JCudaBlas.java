package io.gptjava.cuda.blas;

import static jcuda.cudaDataType.CUDA_R_16BF;
import static jcuda.cudaDataType.CUDA_R_16F;
import static jcuda.cudaDataType.CUDA_R_32F;
import static jcuda.jcublas.cublasComputeType.CUBLAS_COMPUTE_32F;
import static jcuda.jcublas.cublasComputeType.CUBLAS_COMPUTE_32F_FAST_TF32;
import static jcuda.jcublas.cublasGemmAlgo.CUBLAS_GEMM_DEFAULT;
import static jcuda.jcublas.cublasMath.CUBLAS_DEFAULT_MATH;
import static jcuda.jcublas.cublasMath.CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
import static jcuda.jcublas.cublasOperation.CUBLAS_OP_N;
import static jcuda.jcublas.cublasOperation.CUBLAS_OP_T;

import io.gptjava.core.DType;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.DeviceMemory;
import io.gptjava.cuda.ffi.CudaException;
import io.gptjava.cuda.ffi.LibrarySearch;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.List;
import jcuda.Pointer;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;

/**
 * {@link Blas} on cuBLAS through JCuda's JCublas2: products only, so bias, GELU and bias gradients
 * are kernels of their own. JCublas2 is linked to CUDA 12's {@code libcublas.so.12}.
 *
 * <p>Row-major matrices are the transposes of the column-major ones that cuBLAS speaks of, so the
 * operands change places: {@code outᵀ = op(B)ᵀ · op(A)ᵀ}.
 */
public final class JCudaBlas implements Blas {
  private static final List<String> LIBRARY = List.of("libcublas.so.12");

  private final CudaDevice device;
  private final cublasHandle handle;
  private final DeviceMemory workspace;
  private final SeparateEpilogues epilogues;
  private final int floatCompute;
  private final Pointer one = Pointer.to(new float[] {1});
  private final Pointer zero = Pointer.to(new float[] {0});

  /** A device address as JCuda wants it. */
  private static final class Address extends Pointer {
    Address(long address) {
      super(address);
    }
  }

  /**
   * Opens cuBLAS on the device's stream.
   *
   * @param tf32 whether F32 inputs may be rounded to TF32
   * @throws GptException with {@link Failure#DEVICE} if JCuda's native library cannot be loaded
   */
  public JCudaBlas(CudaDevice device, boolean tf32) {
    this.device = device;
    floatCompute = tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    load(device);
    device.makeCurrent();
    handle = new cublasHandle();
    check("cublasCreate", JCublas2.cublasCreate(handle));
    long bytes = device.multiprocessors() * WORKSPACE_PER_MULTIPROCESSOR;
    workspace = device.allocate("cuBLAS workspace", bytes);
    check("cublasSetStream", JCublas2.cublasSetStream(handle, stream(device.stream().handle())));
    check(
        "cublasSetWorkspace",
        JCublas2.cublasSetWorkspace(handle, new Address(workspace.address()), bytes));
    check(
        "cublasSetMathMode",
        JCublas2.cublasSetMathMode(
            handle, CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION));
    epilogues = new SeparateEpilogues(device, workspace.address(), bytes);
  }

  /**
   * Loads JCuda's native library. It asks the system's loader for {@code libcublas.so.12}, which
   * only looks in its own folders, but takes one of that name that is loaded already: so we find
   * and load it first.
   */
  private static void load(CudaDevice device) {
    LibrarySearch cublas = device.libraries().find("cuBLAS", "cublasCreate_v2", LIBRARY);
    try {
      JCublas2.initialize();
    } catch (LinkageError e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      String reason = cublas.library().isPresent() ? "" : " (" + cublas.reasons() + ")";
      throw new GptException(
          Failure.DEVICE,
          "--blas jcuda needs CUDA 12's libcublas.so.12%s\n%s\ninstall it (pip install nvidia-cublas-cu12), or use --blas panama"
              .formatted(reason, cause.getMessage().lines().findFirst().orElse("")),
          e);
    }
  }

  /** JCuda has no public way to a stream that it did not create. */
  private static cudaStream_t stream(long address) {
    try {
      return (cudaStream_t)
          MethodHandles.privateLookupIn(cudaStream_t.class, MethodHandles.lookup())
              .findConstructor(cudaStream_t.class, MethodType.methodType(void.class, long.class))
              .invoke(address);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("this JCuda has no cudaStream_t(long)", e);
    }
  }

  @Override
  public String description() {
    int[] version = new int[1];
    check("cublasGetVersion", JCublas2.cublasGetVersion(handle, version));
    return "cuBLAS %s through JCuda".formatted(LibraryVersion.of(version[0]));
  }

  @Override
  public void multiply(Matmul shape, long a, long b, long out, long bias, long auxiliary) {
    epilogues.multiply(this::product, shape, a, b, out, bias, auxiliary);
  }

  private void product(Matmul shape, long a, long b, long out) {
    device.makeCurrent();
    int inputType = type(shape.inputType());
    check(
        "cublasGemmEx of " + shape,
        JCublas2.cublasGemmEx_new(
            handle,
            shape.transposeB() ? CUBLAS_OP_T : CUBLAS_OP_N,
            shape.transposeA() ? CUBLAS_OP_T : CUBLAS_OP_N,
            shape.columns(),
            shape.rows(),
            shape.inner(),
            one,
            new Address(b),
            inputType,
            shape.strideB(),
            new Address(a),
            inputType,
            shape.strideA(),
            shape.accumulate() ? one : zero,
            new Address(out),
            type(shape.outputType()),
            shape.strideOut(),
            shape.inputType() == DType.F32 ? floatCompute : CUBLAS_COMPUTE_32F,
            CUBLAS_GEMM_DEFAULT));
  }

  private static int type(DType dtype) {
    return switch (dtype) {
      case F32 -> CUDA_R_32F;
      case BF16 -> CUDA_R_16BF;
      case F16 -> CUDA_R_16F;
      default -> throw new IllegalArgumentException("no products of " + dtype);
    };
  }

  private static void check(String call, int status) {
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw new CudaException(
          Failure.DEVICE, call + " (JCuda)", cublasStatus.stringFor(status), "", "");
    }
  }

  @Override
  public void close() {
    device.makeCurrent();
    check("cublasDestroy", JCublas2.cublasDestroy(handle));
    workspace.close();
  }
}
