package io.gptjava.cuda.blas;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gptjava.core.Failure;
import io.gptjava.cuda.blas.LtProduct.Operands;
import io.gptjava.cuda.blas.LtProduct.Workspace;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.DeviceMemory;
import io.gptjava.cuda.device.Event;
import io.gptjava.cuda.ffi.CublasLt;
import io.gptjava.cuda.ffi.CublasLtApi;
import io.gptjava.cuda.ffi.CudaException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Chooses an algorithm for a product: the one kept from an earlier run; else, where it can be kept,
 * the fastest of what cuBLASLt proposes, timed on the device; else the first proposal, so that runs
 * without a memory repeat each other bit for bit. Sums split over blocks are only joined in fp32.
 */
final class AlgorithmSearch implements AutoCloseable {
  private static final int CANDIDATES = 8;
  private static final int MOST_RUNS = 5;
  private static final float ENOUGH_MILLISECONDS = 2;
  private static final List<String> IMPOSSIBLE =
      List.of("CUBLAS_STATUS_NOT_SUPPORTED", "CUBLAS_STATUS_INVALID_VALUE");
  private static final int[] ALIGNMENTS = {
    CublasLt.PREFERENCE_MIN_ALIGNMENT_A_BYTES,
    CublasLt.PREFERENCE_MIN_ALIGNMENT_B_BYTES,
    CublasLt.PREFERENCE_MIN_ALIGNMENT_C_BYTES,
    CublasLt.PREFERENCE_MIN_ALIGNMENT_D_BYTES
  };

  private final CudaDevice device;
  private final CublasLtApi api;
  private final AlgorithmCache cache;
  private final boolean timed;
  private final Workspace workspace;
  private final Consumer<String> warnings;
  private final Arena arena = Arena.ofShared();
  private final long preference;
  private final MemorySegment value = arena.allocate(JAVA_LONG);
  private final MemorySegment results = arena.allocate(CublasLt.HEURISTIC_RESULT, CANDIDATES);

  AlgorithmSearch(
      CudaDevice device,
      CublasLtApi api,
      AlgorithmCache cache,
      boolean timed,
      Workspace workspace,
      Consumer<String> warnings) {
    this.device = device;
    this.api = api;
    this.cache = cache;
    this.timed = timed;
    this.workspace = workspace;
    this.warnings = warnings;
    preference = api.createPreference();
    value.set(JAVA_LONG, 0, workspace.bytes());
    api.setPreference(preference, CublasLt.PREFERENCE_MAX_WORKSPACE_BYTES, value);
    prefer(CublasLt.PREFERENCE_REDUCTION_SCHEME_MASK, CublasLt.REDUCTION_COMPUTE_TYPE);
  }

  private void prefer(int attribute, int number) {
    value.set(JAVA_INT, 0, number);
    api.setPreference(preference, attribute, value.asSlice(0, JAVA_INT.byteSize()));
  }

  /**
   * Finds an algorithm.
   *
   * @param key names the product in the cache, whether it accumulates or not
   * @param alignment of all operands in bytes
   * @param accumulate whether running it changes what is there
   * @param into where the algorithm goes
   * @return false if cuBLASLt has none
   */
  boolean find(
      LtProduct product,
      String key,
      int alignment,
      boolean accumulate,
      Operands operands,
      MemorySegment into) {
    product.point(operands);
    if (kept(product, key, into)) {
      return true;
    }
    for (int attribute : ALIGNMENTS) {
      prefer(attribute, alignment);
    }
    List<MemorySegment> candidates = candidates(product);
    if (candidates.isEmpty()) {
      return false;
    }
    MemorySegment best = candidates.getFirst();
    if (timed && !device.stream().capturing()) {
      Optional<MemorySegment> fastest =
          accumulate
              ? fastestBeside(product, candidates, operands)
              : Optional.of(fastest(product, candidates, operands));
      fastest.ifPresent(algorithm -> cache.put(key, algorithm.toArray(JAVA_BYTE)));
      best = fastest.orElse(best);
    }
    into.copyFrom(best);
    return true;
  }

  private boolean kept(LtProduct product, String key, MemorySegment into) {
    Optional<byte[]> bytes = cache.find(key);
    if (bytes.isEmpty()) {
      return false;
    }
    String reason = "its length is wrong";
    if (bytes.get().length == CublasLt.ALGO_BYTES) {
      into.copyFrom(MemorySegment.ofArray(bytes.get()));
      try {
        product.check(into, results.asSlice(0, CublasLt.HEURISTIC_RESULT.byteSize()));
        if (usable(results)) {
          return true;
        }
        reason = "it needs more scratch than there is";
      } catch (CudaException e) {
        reason = e.getMessage();
      }
    }
    warnings.accept("the kept algorithm of %s is not used: %s".formatted(key, reason));
    return false;
  }

  private List<MemorySegment> candidates(LtProduct product) {
    int found = 0;
    try {
      found = product.heuristic(preference, results);
    } catch (CudaException e) {
      if (!IMPOSSIBLE.contains(e.code())) {
        throw e;
      }
    }
    List<MemorySegment> candidates = new ArrayList<>();
    for (int i = 0; i < found; i++) {
      MemorySegment result = results.asSlice(i * CublasLt.HEURISTIC_RESULT.byteSize());
      if (usable(result)) {
        candidates.add(result.asSlice(0, CublasLt.ALGO_BYTES));
      }
    }
    return candidates;
  }

  private boolean usable(MemorySegment result) {
    return result.get(JAVA_INT, CublasLt.RESULT_STATE) == 0
        && result.get(JAVA_LONG, CublasLt.RESULT_WORKSPACE) <= workspace.bytes();
  }

  /** Times products that add to their output on one that nobody needs, if there is room for it. */
  private Optional<MemorySegment> fastestBeside(
      LtProduct product, List<MemorySegment> candidates, Operands operands) {
    try (DeviceMemory output = device.allocate("output of timed products", product.outputBytes())) {
      Operands beside = operands.withOut(output.address());
      MemorySegment fastest = fastest(product, candidates, beside);
      device.stream().synchronize();
      return Optional.of(fastest);
    } catch (CudaException e) {
      if (e.failure() != Failure.CAPACITY) {
        throw e;
      }
      return Optional.empty();
    }
  }

  private MemorySegment fastest(
      LtProduct product, List<MemorySegment> candidates, Operands operands) {
    MemorySegment best = candidates.getFirst();
    float bestTime = Float.POSITIVE_INFINITY;
    try (Event start = device.newEvent("algorithm start", true);
        Event end = device.newEvent("algorithm end", true)) {
      for (MemorySegment algorithm : candidates) {
        float time = time(product, algorithm, operands, start, end);
        if (time < bestTime) {
          bestTime = time;
          best = algorithm;
        }
      }
    }
    return best;
  }

  /** Milliseconds of a run after the first; the least of a few short ones. */
  private float time(
      LtProduct product, MemorySegment algorithm, Operands operands, Event start, Event end) {
    float least = Float.POSITIVE_INFINITY;
    float all = 0;
    for (int run = 0; run <= MOST_RUNS && all < ENOUGH_MILLISECONDS; run++) {
      device.stream().record(start);
      product.run(operands, algorithm, workspace, device.stream().handle());
      device.stream().record(end);
      end.synchronize();
      float milliseconds = end.millisecondsSince(start);
      if (run > 0) {
        all += milliseconds;
        least = Math.min(least, milliseconds);
      }
    }
    return least;
  }

  @Override
  public void close() {
    api.destroyPreference(preference);
    arena.close();
  }
}
