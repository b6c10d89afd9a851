package io.gptjava.cpu.onednn;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * The functions of oneDNN's C interface that a matrix product needs, and the one of its OpenMP
 * runtime. See UXL Foundation, <i>oneAPI Deep Neural Network Library Developer Guide</i>, version
 * 3.
 *
 * <p>Method handles are constants, so that the compiler sees through them; the address is an
 * argument, because the library is found at run time. Handles of the library are {@code long}.
 */
public final class OneDnnApi extends NativeSymbols {
  /** {@code dnnl_data_type_t}: bfloat16. */
  static final int BF16 = 2;

  /** {@code dnnl_data_type_t}: float. */
  static final int F32 = 3;

  /** {@code dnnl_cpu_isa_avx512_core_bf16}: the instruction sets that it stands for. */
  private static final int ISA_BF16 = 0xE7;

  private static final int ENGINE_CPU = 1;
  private static final int STREAM_DEFAULT = 1;
  private static final int SCRATCHPAD_USER = 1;
  private static final int QUERY_IMPLEMENTATION = 8;
  private static final int QUERY_SCRATCHPAD = 136;

  /** {@code DNNL_MAX_NDIMS}: the length of an array of dimensions. */
  private static final int MOST_DIMENSIONS = 12;

  private static final long TEXT_LIMIT = 256;
  private static final long VERSION_BYTES = 32;

  private static final MethodHandle VERSION = handle(FunctionDescriptor.of(ADDRESS));
  private static final MethodHandle ISA = handle(FunctionDescriptor.of(JAVA_INT));
  private static final MethodHandle ENGINE_CREATE = status(ADDRESS, JAVA_INT, JAVA_LONG);
  private static final MethodHandle STREAM_CREATE = status(ADDRESS, JAVA_LONG, JAVA_INT);
  private static final MethodHandle DESTROY = status(JAVA_LONG);
  private static final MethodHandle DESC_CREATE =
      status(ADDRESS, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
  private static final MethodHandle DESC_SIZE = handle(FunctionDescriptor.of(JAVA_LONG, JAVA_LONG));
  private static final MethodHandle MEMORY_CREATE =
      status(ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle MEMORY_SET_HANDLE = status(JAVA_LONG, JAVA_LONG);
  private static final MethodHandle CREATE = status(ADDRESS);
  private static final MethodHandle SET_SCRATCHPAD_MODE = status(JAVA_LONG, JAVA_INT);
  private static final MethodHandle SET_POST_OPS = status(JAVA_LONG, JAVA_LONG);
  private static final MethodHandle APPEND_SUM = status(JAVA_LONG, JAVA_FLOAT, JAVA_INT, JAVA_INT);
  private static final MethodHandle MATMUL_CREATE =
      status(ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle QUERY_DESC =
      handle(FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT));
  private static final MethodHandle QUERY = status(JAVA_LONG, JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle PRIMITIVE_CREATE = status(ADDRESS, JAVA_LONG);
  private static final MethodHandle EXECUTE = status(JAVA_LONG, JAVA_LONG, JAVA_INT, ADDRESS);
  private static final MethodHandle SET_THREADS = handle(FunctionDescriptor.ofVoid(JAVA_INT));

  private final MemorySegment version = find("dnnl_version");
  private final MemorySegment effectiveIsa = find("dnnl_get_effective_cpu_isa");
  private final MemorySegment engineCreate = find("dnnl_engine_create");
  private final MemorySegment engineDestroy = find("dnnl_engine_destroy");
  private final MemorySegment streamCreate = find("dnnl_stream_create");
  private final MemorySegment streamDestroy = find("dnnl_stream_destroy");
  private final MemorySegment descCreate = find("dnnl_memory_desc_create_with_strides");
  private final MemorySegment descSize = find("dnnl_memory_desc_get_size");
  private final MemorySegment descDestroy = find("dnnl_memory_desc_destroy");
  private final MemorySegment memoryCreate = find("dnnl_memory_create");
  private final MemorySegment memorySetHandle = find("dnnl_memory_set_data_handle");
  private final MemorySegment memoryDestroy = find("dnnl_memory_destroy");
  private final MemorySegment attributesCreate = find("dnnl_primitive_attr_create");
  private final MemorySegment attributesDestroy = find("dnnl_primitive_attr_destroy");
  private final MemorySegment setScratchpadMode = find("dnnl_primitive_attr_set_scratchpad_mode");
  private final MemorySegment setPostOps = find("dnnl_primitive_attr_set_post_ops");
  private final MemorySegment postOpsCreate = find("dnnl_post_ops_create");
  private final MemorySegment postOpsDestroy = find("dnnl_post_ops_destroy");
  private final MemorySegment appendSum = find("dnnl_post_ops_append_sum");
  private final MemorySegment matmulCreate = find("dnnl_matmul_primitive_desc_create");
  private final MemorySegment queryDesc = find("dnnl_primitive_desc_query_md");
  private final MemorySegment query = find("dnnl_primitive_desc_query");
  private final MemorySegment primitiveDescDestroy = find("dnnl_primitive_desc_destroy");
  private final MemorySegment primitiveCreate = find("dnnl_primitive_create");
  private final MemorySegment primitiveDestroy = find("dnnl_primitive_destroy");
  private final MemorySegment execute = find("dnnl_primitive_execute");
  private final MemorySegment setThreads = find("omp_set_num_threads");

  /**
   * Binds the functions of a library.
   *
   * @throws IllegalArgumentException if one is missing; its message names it
   */
  OneDnnApi(SymbolLookup symbols) {
    super(symbols);
  }

  /** Version of the library, such as 3.11.0. */
  @SuppressWarnings("restricted")
  public String version() {
    try {
      MemorySegment v = ((MemorySegment) VERSION.invokeExact(version)).reinterpret(VERSION_BYTES);
      return "%d.%d.%d"
          .formatted(
              v.get(JAVA_INT, 0),
              v.get(JAVA_INT, JAVA_INT.byteSize()),
              v.get(JAVA_INT, 2 * JAVA_INT.byteSize()));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /** Whether the processor multiplies bf16 in hardware, as the library sees it. */
  public boolean multipliesHalves() {
    try {
      return ((int) ISA.invokeExact(effectiveIsa) & ISA_BF16) == ISA_BF16;
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /** Lets what this thread calls from now on run on it alone. */
  void callerOnly() {
    try {
      SET_THREADS.invokeExact(setThreads, 1);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  long createEngine() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      check(
          "dnnl_engine_create", (int) ENGINE_CREATE.invokeExact(engineCreate, out, ENGINE_CPU, 0L));
      return out.get(JAVA_LONG, 0);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  long createStream(long engine) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      check(
          "dnnl_stream_create",
          (int) STREAM_CREATE.invokeExact(streamCreate, out, engine, STREAM_DEFAULT));
      return out.get(JAVA_LONG, 0);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /** Description of a matrix; strides in elements. */
  long describe(int type, long rows, long columns, long rowStride, long columnStride) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      MemorySegment dimensions = arena.allocate(JAVA_LONG, MOST_DIMENSIONS);
      MemorySegment strides = arena.allocate(JAVA_LONG, MOST_DIMENSIONS);
      dimensions.setAtIndex(JAVA_LONG, 0, rows);
      dimensions.setAtIndex(JAVA_LONG, 1, columns);
      strides.setAtIndex(JAVA_LONG, 0, rowStride);
      strides.setAtIndex(JAVA_LONG, 1, columnStride);
      check(
          "dnnl_memory_desc_create_with_strides",
          (int) DESC_CREATE.invokeExact(descCreate, out, 2, dimensions, type, strides));
      return out.get(JAVA_LONG, 0);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /** Bytes of what is described. */
  long size(long description) {
    try {
      return (long) DESC_SIZE.invokeExact(descSize, description);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /** A memory object without memory: {@link #setData} gives it some. */
  long createMemory(long description, long engine) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      check(
          "dnnl_memory_create",
          (int) MEMORY_CREATE.invokeExact(memoryCreate, out, description, engine, 0L));
      return out.get(JAVA_LONG, 0);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void setData(long memory, long address) {
    try {
      check(
          "dnnl_memory_set_data_handle",
          (int) MEMORY_SET_HANDLE.invokeExact(memorySetHandle, memory, address));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /**
   * Description of a product {@code dst = src · weights + bias}, plus {@code dst} with {@code
   * accumulate}; its scratch memory is the caller's.
   *
   * @param bias description, or 0
   * @param type of {@code dst}, which is added as such
   */
  long describeProduct(
      long engine, long src, long weights, long bias, long dst, boolean accumulate, int type) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      check("dnnl_primitive_attr_create", (int) CREATE.invokeExact(attributesCreate, out));
      long attributes = out.get(JAVA_LONG, 0);
      try {
        check(
            "dnnl_primitive_attr_set_scratchpad_mode",
            (int) SET_SCRATCHPAD_MODE.invokeExact(setScratchpadMode, attributes, SCRATCHPAD_USER));
        if (accumulate) {
          addOntoOutput(attributes, type, out);
        }
        check(
            "dnnl_matmul_primitive_desc_create",
            (int)
                MATMUL_CREATE.invokeExact(
                    matmulCreate, out, engine, src, weights, bias, dst, attributes));
        return out.get(JAVA_LONG, 0);
      } finally {
        destroy(attributesDestroy, attributes);
      }
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  private void addOntoOutput(long attributes, int type, MemorySegment out) throws Throwable {
    check("dnnl_post_ops_create", (int) CREATE.invokeExact(postOpsCreate, out));
    long postOps = out.get(JAVA_LONG, 0);
    try {
      check(
          "dnnl_post_ops_append_sum",
          (int) APPEND_SUM.invokeExact(appendSum, postOps, 1f, 0, type));
      check(
          "dnnl_primitive_attr_set_post_ops",
          (int) SET_POST_OPS.invokeExact(setPostOps, attributes, postOps));
    } finally {
      destroy(postOpsDestroy, postOps);
    }
  }

  /** Description of the scratch memory that a product needs; it belongs to the product's. */
  long scratchpad(long product) {
    try {
      return (long) QUERY_DESC.invokeExact(queryDesc, product, QUERY_SCRATCHPAD, 0);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /** Name of the code that will compute a product, such as {@code brg_matmul:avx512_core}. */
  @SuppressWarnings("restricted")
  String implementation(long product) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ADDRESS);
      check(
          "dnnl_primitive_desc_query",
          (int) QUERY.invokeExact(query, product, QUERY_IMPLEMENTATION, 0, out));
      return out.get(ADDRESS, 0).reinterpret(TEXT_LIMIT).getString(0);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  long createPrimitive(long product) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      check(
          "dnnl_primitive_create",
          (int) PRIMITIVE_CREATE.invokeExact(primitiveCreate, out, product));
      return out.get(JAVA_LONG, 0);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /** Computes; on a CPU stream the result is there on return. */
  void execute(long primitive, long stream, int arguments, MemorySegment argument) {
    try {
      check(
          "dnnl_primitive_execute",
          (int) EXECUTE.invokeExact(execute, primitive, stream, arguments, argument));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void destroyEngine(long engine) {
    destroy(engineDestroy, engine);
  }

  void destroyStream(long stream) {
    destroy(streamDestroy, stream);
  }

  void destroyDescription(long description) {
    destroy(descDestroy, description);
  }

  void destroyMemory(long memory) {
    destroy(memoryDestroy, memory);
  }

  void destroyProductDescription(long product) {
    destroy(primitiveDescDestroy, product);
  }

  void destroyPrimitive(long primitive) {
    destroy(primitiveDestroy, primitive);
  }

  private static void destroy(MemorySegment function, long handle) {
    try {
      int status = (int) DESTROY.invokeExact(function, handle);
      assert status == 0 : status;
    } catch (Throwable t) {
      throw broken(t);
    }
  }
}
