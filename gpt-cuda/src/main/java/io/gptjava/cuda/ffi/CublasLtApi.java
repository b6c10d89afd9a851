package io.gptjava.cuda.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.List;

/**
 * cuBLASLt: matrix products with fused epilogues and a choice of algorithms. See NVIDIA, <i>cuBLAS,
 * "Using the cuBLASLt API"</i>. Attribute numbers are in {@link CublasLt}.
 */
public final class CublasLtApi extends NativeApi {
  private static final List<String> SONAMES =
      List.of("libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11");

  private static final MethodHandle HEURISTIC =
      NativeFunction.status(
          JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT,
          ADDRESS, ADDRESS);
  private static final MethodHandle ALGO_INIT =
      NativeFunction.status(
          JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle ALGO_CHECK =
      NativeFunction.status(
          JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS);
  private static final MethodHandle MATMUL =
      NativeFunction.status(
          JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS,
          JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle VERSION = version();

  private final NativeFunction create = function("cublasLtCreate");
  private final NativeFunction destroy = function("cublasLtDestroy");
  private final NativeFunction getVersion = function("cublasLtGetVersion");
  private final NativeFunction descCreate = function("cublasLtMatmulDescCreate");
  private final NativeFunction descDestroy = function("cublasLtMatmulDescDestroy");
  private final NativeFunction descSet = function("cublasLtMatmulDescSetAttribute");
  private final NativeFunction layoutCreate = function("cublasLtMatrixLayoutCreate");
  private final NativeFunction layoutDestroy = function("cublasLtMatrixLayoutDestroy");
  private final NativeFunction layoutSet = function("cublasLtMatrixLayoutSetAttribute");
  private final NativeFunction preferenceCreate = function("cublasLtMatmulPreferenceCreate");
  private final NativeFunction preferenceDestroy = function("cublasLtMatmulPreferenceDestroy");
  private final NativeFunction preferenceSet = function("cublasLtMatmulPreferenceSetAttribute");
  private final NativeFunction heuristic = function("cublasLtMatmulAlgoGetHeuristic");
  private final NativeFunction algoInit = function("cublasLtMatmulAlgoInit");
  private final NativeFunction algoGet = function("cublasLtMatmulAlgoConfigGetAttribute");
  private final NativeFunction algoSet = function("cublasLtMatmulAlgoConfigSetAttribute");
  private final NativeFunction algoCheck = function("cublasLtMatmulAlgoCheck");
  private final NativeFunction matmul = function("cublasLtMatmul");

  /** Binds the functions of a library. */
  public CublasLtApi(NativeLibrary library) {
    super(library);
  }

  /** Looks for cuBLASLt. */
  public static LibrarySearch search(LibraryFinder finder) {
    return finder.find("cuBLASLt", "cublasLtCreate", SONAMES);
  }

  @SuppressWarnings("restricted")
  private static MethodHandle version() {
    return Linker.nativeLinker().downcallHandle(FunctionDescriptor.of(JAVA_LONG));
  }

  @Override
  CudaException failure(String call, int status) {
    return CublasStatus.failure(call, status);
  }

  /** A handle on the current context. */
  public long create() {
    return longOut(create::call);
  }

  /** Gives a handle back. */
  public void destroy(long handle) {
    destroy.call(handle);
  }

  /** Version: 10000 · major + 100 · minor + patch, for cuBLAS 12 and later. */
  public long libraryVersion() {
    try {
      return (long) VERSION.invokeExact(getVersion.address());
    } catch (Throwable t) {
      throw NativeFunction.broken(t);
    }
  }

  /** Description of a product, from compute type and scale type. */
  public long createMatmul(int computeType, int scaleType) {
    return longOut(out -> descCreate.call(out, computeType, scaleType));
  }

  public void destroyMatmul(long description) {
    descDestroy.call(description);
  }

  /** Sets an attribute {@code CublasLt.DESC_*} from a value in host memory. */
  public void setMatmul(long description, int attribute, MemorySegment value) {
    descSet.call(description, attribute, value, value.byteSize());
  }

  /** Layout of a column-major matrix: element type, rows, columns, distance between columns. */
  public long createLayout(int type, long rows, long columns, long leading) {
    return longOut(out -> layoutCreate.call(out, type, rows, columns, leading));
  }

  public void destroyLayout(long layout) {
    layoutDestroy.call(layout);
  }

  /** Sets an attribute {@code CublasLt.LAYOUT_*} from a value in host memory. */
  public void setLayout(long layout, int attribute, MemorySegment value) {
    layoutSet.call(layout, attribute, value, value.byteSize());
  }

  /** What to look for in an algorithm. */
  public long createPreference() {
    return longOut(preferenceCreate::call);
  }

  public void destroyPreference(long preference) {
    preferenceDestroy.call(preference);
  }

  /** Sets an attribute {@code CublasLt.PREFERENCE_*} from a value in host memory. */
  public void setPreference(long preference, int attribute, MemorySegment value) {
    preferenceSet.call(preference, attribute, value, value.byteSize());
  }

  /**
   * Algorithms for a product, the fastest by estimate first.
   *
   * @param results room for that many {@link CublasLt#HEURISTIC_RESULT}
   * @return how many were found; none is an error of the library
   */
  public int heuristic(
      long handle,
      long description,
      long layoutA,
      long layoutB,
      long layoutC,
      long layoutD,
      long preference,
      MemorySegment results) {
    int wanted = Math.toIntExact(results.byteSize() / CublasLt.HEURISTIC_RESULT.byteSize());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment found = arena.allocate(JAVA_INT);
      heuristic.check(
          (int)
              HEURISTIC.invokeExact(
                  heuristic.address(),
                  handle,
                  description,
                  layoutA,
                  layoutB,
                  layoutC,
                  layoutD,
                  preference,
                  wanted,
                  results,
                  found));
      return found.get(JAVA_INT, 0);
    } catch (Throwable t) {
      throw NativeFunction.broken(t);
    }
  }

  /** Fills an algorithm of {@link CublasLt#ALGO_BYTES} from its number and the product's types. */
  public void initAlgorithm(
      long handle,
      int computeType,
      int scaleType,
      int typeA,
      int typeB,
      int typeC,
      int typeD,
      int algorithmId,
      MemorySegment algorithm) {
    try {
      algoInit.check(
          (int)
              ALGO_INIT.invokeExact(
                  algoInit.address(),
                  handle,
                  computeType,
                  scaleType,
                  typeA,
                  typeB,
                  typeC,
                  typeD,
                  algorithmId,
                  algorithm));
    } catch (Throwable t) {
      throw NativeFunction.broken(t);
    }
  }

  /**
   * One attribute {@code CublasLt.ALGO_*} of an algorithm; the last two have 16 bits, others 32.
   */
  public int algorithmAttribute(MemorySegment algorithm, int attribute) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(JAVA_INT);
      MemorySegment written = arena.allocate(JAVA_LONG);
      long bytes = attribute < CublasLt.ALGO_INNER_SHAPE_ID ? Integer.BYTES : Short.BYTES;
      algoGet.call(algorithm, attribute, value, bytes, written);
      return value.get(JAVA_INT, 0);
    }
  }

  /** Sets an attribute {@code CublasLt.ALGO_*} of an algorithm from a value in host memory. */
  public void setAlgorithm(MemorySegment algorithm, int attribute, MemorySegment value) {
    algoSet.call(algorithm, attribute, value, value.byteSize());
  }

  /**
   * Whether an algorithm does this product.
   *
   * @param result filled with what it needs, a {@link CublasLt#HEURISTIC_RESULT}
   * @throws CudaException if it does not
   */
  public void checkAlgorithm(
      long handle,
      long description,
      long layoutA,
      long layoutB,
      long layoutC,
      long layoutD,
      MemorySegment algorithm,
      MemorySegment result) {
    try {
      algoCheck.check(
          (int)
              ALGO_CHECK.invokeExact(
                  algoCheck.address(),
                  handle,
                  description,
                  layoutA,
                  layoutB,
                  layoutC,
                  layoutD,
                  algorithm,
                  result));
    } catch (Throwable t) {
      throw NativeFunction.broken(t);
    }
  }

  /**
   * {@code D = epilogue(alpha · op(A) · op(B) + beta · C)}.
   *
   * @param alpha one number of the scale type, in host memory
   * @param algorithm {@link CublasLt#ALGO_BYTES}, or {@link MemorySegment#NULL} for the first by
   *     heuristic
   * @param workspace scratch on the device, 256-byte aligned
   */
  public void matmul(
      long handle,
      long description,
      MemorySegment alpha,
      long a,
      long layoutA,
      long b,
      long layoutB,
      MemorySegment beta,
      long c,
      long layoutC,
      long d,
      long layoutD,
      MemorySegment algorithm,
      long workspace,
      long workspaceBytes,
      long stream) {
    try {
      matmul.check(
          (int)
              MATMUL.invokeExact(
                  matmul.address(),
                  handle,
                  description,
                  alpha,
                  a,
                  layoutA,
                  b,
                  layoutB,
                  beta,
                  c,
                  layoutC,
                  d,
                  layoutD,
                  algorithm,
                  workspace,
                  workspaceBytes,
                  stream));
    } catch (Throwable t) {
      throw NativeFunction.broken(t);
    }
  }

  private interface OutCall {
    void into(MemorySegment out);
  }

  private static long longOut(OutCall call) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      call.into(out);
      return out.get(JAVA_LONG, 0);
    }
  }
}
