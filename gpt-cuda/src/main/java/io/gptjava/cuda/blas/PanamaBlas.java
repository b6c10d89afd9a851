package io.gptjava.cuda.blas;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.cuda.blas.LtProduct.Operands;
import io.gptjava.cuda.blas.LtProduct.Workspace;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.DeviceMemory;
import io.gptjava.cuda.ffi.CublasLt;
import io.gptjava.cuda.ffi.CublasLtApi;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * {@link Blas} on cuBLASLt through Panama: bias, GELU, its derivative and bias gradients happen
 * inside the product. Each shape has a plan (descriptors and algorithm), made when it first comes
 * and kept. Where cuBLASLt cannot fuse an epilogue, the plan is a plain product and kernels of our
 * own.
 */
public final class PanamaBlas implements Blas {
  private static final long BIAS_BYTES = 1 << 18;

  /** cuBLASLt has no use for more. */
  private static final int MOST_ALIGNMENT = 16;

  /** The distance between rows of an auxiliary matrix must be a multiple of this many elements. */
  private static final int AUXILIARY_MULTIPLE = 8;

  private final CudaDevice device;
  private final CublasLtApi api;
  private final boolean tf32;
  private final long handle;
  private final DeviceMemory memory;
  private final Workspace workspace;
  private final long biasScratch;
  private final SeparateEpilogues separate;
  private final AlgorithmSearch search;
  private final Arena arena = Arena.ofShared();
  private final Map<Key, Plan> plans = new HashMap<>();
  private final List<LtProduct> products = new ArrayList<>();

  private record Key(Matmul shape, int alignment) {}

  /** How a shape is computed. */
  @FunctionalInterface
  private interface Plan {
    void run(long a, long b, long out, long bias, long auxiliary);
  }

  /** A product and its algorithm. */
  private record Chosen(LtProduct product, MemorySegment algorithm) {}

  /**
   * Opens cuBLASLt.
   *
   * @param tf32 whether F32 inputs may be rounded to TF32
   * @param cache folder for what is measured; empty to measure nothing
   * @param warnings told about what was kept and cannot be used
   */
  public PanamaBlas(
      CudaDevice device, boolean tf32, Optional<Path> cache, Consumer<String> warnings) {
    this.device = device;
    this.tf32 = tf32;
    api =
        new CublasLtApi(
            CublasLtApi.search(device.libraries())
                .require("Install CUDA's cuBLAS; gpt doctor shows how."));
    device.makeCurrent();
    handle = api.create();
    long workspaceBytes = device.multiprocessors() * WORKSPACE_PER_MULTIPROCESSOR;
    memory = device.allocate("cuBLASLt workspace", workspaceBytes + BIAS_BYTES);
    workspace = new Workspace(memory.address(), workspaceBytes);
    biasScratch = memory.address() + workspaceBytes;
    separate = new SeparateEpilogues(device, workspace.address(), workspace.bytes());
    AlgorithmCache kept = new AlgorithmCache(cache, device.name(), library(), warnings);
    search = new AlgorithmSearch(device, api, kept, cache.isPresent(), workspace, warnings);
  }

  private String library() {
    return "cuBLASLt " + LibraryVersion.of(api.libraryVersion());
  }

  @Override
  public String description() {
    return library();
  }

  @Override
  public void multiply(Matmul shape, long a, long b, long out, long bias, long auxiliary) {
    int alignment = (int) Long.lowestOneBit(a | b | out | bias | auxiliary | MOST_ALIGNMENT);
    Key key = new Key(shape, alignment);
    Plan plan = plans.get(key);
    if (plan == null) {
      plan = plan(key, new Operands(a, b, out, bias, auxiliary));
      plans.put(key, plan);
    }
    device.makeCurrent();
    plan.run(a, b, out, bias, auxiliary);
  }

  private Plan plan(Key key, Operands operands) {
    Matmul shape = key.shape;
    boolean joinsBias = shape.epilogue() == Epilogue.BIAS_GRADIENT && shape.accumulate();
    if (fuses(key, joinsBias)) {
      Operands used = joinsBias ? operands.withBias(biasScratch) : operands;
      Optional<Chosen> fused = choose(key, used);
      if (fused.isPresent()) {
        return joinsBias ? joiningBias(fused.get(), shape.columns()) : running(fused.get());
      }
    }
    if (shape.epilogue() == Epilogue.NONE) {
      throw new GptException(
          Failure.DEVICE, "%s has no algorithm for %s".formatted(library(), shape));
    }
    return (a, b, out, bias, auxiliary) ->
        separate.multiply(
            (plain, x, y, z) -> multiply(plain, x, y, z, 0, 0), shape, a, b, out, bias, auxiliary);
  }

  private static boolean fuses(Key key, boolean joinsBias) {
    if (key.shape.epilogue().hasAuxiliary()) {
      return key.shape.columns() % AUXILIARY_MULTIPLE == 0 && key.alignment == MOST_ALIGNMENT;
    }
    return !joinsBias || key.shape.columns() * (long) Float.BYTES <= BIAS_BYTES;
  }

  private Optional<Chosen> choose(Key key, Operands operands) {
    LtProduct product = new LtProduct(api, handle, key.shape, tf32);
    MemorySegment algorithm = arena.allocate(CublasLt.ALGO_BYTES, Long.BYTES);
    boolean found = false;
    try {
      found =
          search.find(
              product, name(key), key.alignment, key.shape.accumulate(), operands, algorithm);
    } finally {
      if (!found) {
        product.close();
      }
    }
    if (found) {
      products.add(product);
      return Optional.of(new Chosen(product, algorithm));
    }
    return Optional.empty();
  }

  /** Names a product in the cache; adding to the output or not makes no difference there. */
  private String name(Key key) {
    Matmul s = key.shape;
    return "%dx%dx%d %s%s %d,%d,%d %s>%s %s align %d%s"
        .formatted(
            s.rows(),
            s.columns(),
            s.inner(),
            s.transposeA() ? "T" : "N",
            s.transposeB() ? "T" : "N",
            s.strideA(),
            s.strideB(),
            s.strideOut(),
            s.inputType(),
            s.outputType(),
            s.epilogue(),
            key.alignment,
            tf32 ? " tf32" : "");
  }

  private Plan running(Chosen chosen) {
    return (a, b, out, bias, auxiliary) -> run(chosen, new Operands(a, b, out, bias, auxiliary));
  }

  /** cuBLASLt overwrites a bias gradient, so one that is added to takes a detour. */
  private Plan joiningBias(Chosen chosen, int columns) {
    return (a, b, out, bias, auxiliary) -> {
      run(chosen, new Operands(a, b, out, biasScratch, auxiliary));
      separate.add(biasScratch, bias, columns);
    };
  }

  private void run(Chosen chosen, Operands operands) {
    chosen.product.run(operands, chosen.algorithm, workspace, device.stream().handle());
  }

  @Override
  public void close() {
    device.makeCurrent();
    products.forEach(LtProduct::close);
    search.close();
    arena.close();
    memory.close();
    api.destroy(handle);
  }
}
