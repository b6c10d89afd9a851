package io.gptjava.cuda.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.List;

/**
 * cuBLAS. See NVIDIA, <i>cuBLAS</i>: matrices are column-major; scalars are read from host memory.
 * Load cuBLASLt first: cuBLAS needs it and finds it where it is already loaded.
 */
public final class CublasApi extends NativeApi {
  /** {@code cublasOperation_t}: as it is. */
  public static final int OP_N = 0;

  /** {@code cublasOperation_t}: transposed. */
  public static final int OP_T = 1;

  /** {@code cudaDataType_t}: float. */
  public static final int R_32F = 0;

  /** {@code cudaDataType_t}: IEEE half. */
  public static final int R_16F = 2;

  /** {@code cudaDataType_t}: bfloat16. */
  public static final int R_16BF = 14;

  /** {@code cublasComputeType_t}: float; tensor cores only where the inputs are 16-bit. */
  public static final int COMPUTE_32F = 68;

  /** {@code cublasComputeType_t}: float, inputs rounded to TF32. */
  public static final int COMPUTE_32F_FAST_TF32 = 77;

  /** {@code cublasMath_t}: the default. */
  public static final int DEFAULT_MATH = 0;

  /** {@code cublasMath_t}: float products may round their inputs to TF32. */
  public static final int TF32_TENSOR_OP_MATH = 3;

  /** {@code cublasMath_t}, a flag: no sums in the output's type if that is narrower. */
  public static final int DISALLOW_REDUCED_PRECISION_REDUCTION = 16;

  /** {@code cublasGemmAlgo_t}: cuBLAS chooses. */
  public static final int GEMM_DEFAULT = -1;

  private static final List<String> SONAMES =
      List.of("libcublas.so.13", "libcublas.so.12", "libcublas.so.11");

  /** What its search is called. */
  public static final String NAME = "cuBLAS";

  private static final MethodHandle GEMM_EX =
      NativeFunction.status(
          JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT,
          JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT,
          JAVA_INT);

  private final NativeFunction create = function("cublasCreate_v2");
  private final NativeFunction destroy = function("cublasDestroy_v2");
  private final NativeFunction getVersion = function("cublasGetVersion_v2");
  private final NativeFunction setStream = function("cublasSetStream_v2");
  private final NativeFunction setWorkspace = function("cublasSetWorkspace_v2");
  private final NativeFunction setMathMode = function("cublasSetMathMode");
  private final NativeFunction gemmEx = function("cublasGemmEx");

  /** Binds the functions of a library. */
  public CublasApi(NativeLibrary library) {
    super(library);
  }

  /** Looks for cuBLAS. */
  public static LibrarySearch search(LibraryFinder finder) {
    return finder.find(NAME, "cublasCreate_v2", SONAMES);
  }

  @Override
  CudaException failure(String call, int status) {
    return CublasStatus.failure(call, status);
  }

  /** A handle on the current context. */
  public long create() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      create.call(out);
      return out.get(JAVA_LONG, 0);
    }
  }

  /** Gives a handle back. */
  public void destroy(long handle) {
    destroy.call(handle);
  }

  /** Version: 10000 · major + 100 · minor + patch, for cuBLAS 12 and later. */
  public int version(long handle) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_INT);
      getVersion.call(handle, out);
      return out.get(JAVA_INT, 0);
    }
  }

  /** Where its kernels run; forgets a workspace that was set. */
  public void setStream(long handle, long stream) {
    setStream.call(handle, stream);
  }

  /** Scratch memory on the device, 256-byte aligned, so that it allocates none itself. */
  public void setWorkspace(long handle, long pointer, long bytes) {
    setWorkspace.call(handle, pointer, bytes);
  }

  /** Which rounding is allowed. */
  public void setMathMode(long handle, int mode) {
    setMathMode.call(handle, mode);
  }

  /**
   * {@code C = alpha · op(A) · op(B) + beta · C}, op(A) of {@code m × k}, op(B) of {@code k × n}.
   *
   * @param alpha one number of the scale type, in host memory
   * @param typeA type of the elements of A; {@code lda} is the distance between its columns
   * @param computeType type of the sums
   */
  public void gemmEx(
      long handle,
      int opA,
      int opB,
      int m,
      int n,
      int k,
      MemorySegment alpha,
      long a,
      int typeA,
      int lda,
      long b,
      int typeB,
      int ldb,
      MemorySegment beta,
      long c,
      int typeC,
      int ldc,
      int computeType,
      int algorithm) {
    try {
      gemmEx.check(
          (int)
              GEMM_EX.invokeExact(
                  gemmEx.address(),
                  handle,
                  opA,
                  opB,
                  m,
                  n,
                  k,
                  alpha,
                  a,
                  typeA,
                  lda,
                  b,
                  typeB,
                  ldb,
                  beta,
                  c,
                  typeC,
                  ldc,
                  computeType,
                  algorithm));
    } catch (Throwable t) {
      throw NativeFunction.broken(t);
    }
  }
}
