package io.gptjava.benchmarks.kernels;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Memory;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * Allocates operands on one backend, filled with seeded random numbers: on zeros matrix products
 * run faster than on real data. The backend owns the memory.
 */
final class CaseOperands {
  /** Random elements drawn once; larger tensors repeat them. */
  private static final int CHUNK = 1 << 20;

  private static final int MOST_SETS = 16;

  private final Backend backend;
  private final long rotationBytes;
  private final SplittableRandom random;
  private final float[] uniform;
  private final boolean filled;

  /**
   * Operands.
   *
   * @param rotationBytes bytes that successive calls must go through before they come back to the
   *     same operands: some times the size of the cache
   */
  CaseOperands(Backend backend, long rotationBytes, long seed) {
    this(backend, rotationBytes, seed, new float[CHUNK], true);
    for (int i = 0; i < CHUNK; i++) {
      uniform[i] = random.nextFloat();
    }
  }

  private CaseOperands(
      Backend backend, long rotationBytes, long seed, float[] uniform, boolean filled) {
    this.backend = backend;
    this.rotationBytes = rotationBytes;
    this.uniform = uniform;
    this.filled = filled;
    random = new SplittableRandom(seed);
  }

  /** Operands that are allocated and not filled, to count what they take. */
  static CaseOperands planned(PlanningBackend backend, long rotationBytes) {
    return new CaseOperands(backend, rotationBytes, 0, new float[0], false);
  }

  /** As many sets of operands as it takes to rotate past the cache, when one has so many bytes. */
  <T> List<T> sets(double bytes, Supplier<T> one) {
    int count = (int) Math.clamp(Math.ceil(rotationBytes / bytes), 1, MOST_SETS);
    return IntStream.range(0, count).mapToObj(_ -> one.get()).toList();
  }

  /** A tensor of zeros, for outputs. */
  Tensor output(DType type, long... shape) {
    long count = 1;
    for (long dimension : shape) {
      count *= dimension;
    }
    Memory memory = backend.allocate("benchmark", count * type.bytes());
    return Tensor.of(memory, 0, type, shape);
  }

  /** Values of a normalised activation's size: uniform in [−1, 1). */
  Tensor activations(DType type, long... shape) {
    return uniform(type, -1, 1, shape);
  }

  /** Values of a weight's size: uniform in [−0.04, 0.04). */
  Tensor weights(DType type, long... shape) {
    return uniform(type, -0.04f, 0.04f, shape);
  }

  /** Uniform values in [low, high), of type F32, BF16 or F16. */
  Tensor uniform(DType type, float low, float high, long... shape) {
    Tensor tensor = output(type, shape);
    if (!filled) {
      return tensor;
    }
    int chunk = (int) Math.min(CHUNK, tensor.count());
    MemorySegment host =
        switch (type) {
          case F32 -> floats(chunk, low, high);
          case BF16 -> bf16(chunk, low, high);
          case F16 -> f16(chunk, low, high);
          default -> throw new IllegalArgumentException("no random values of type " + type);
        };
    for (long from = 0; from < tensor.count(); from += chunk) {
      long count = Math.min(chunk, tensor.count() - from);
      long bytes = count * type.bytes();
      backend.upload(
          host.asSlice(0, bytes), Tensor.of(tensor.memory(), from * type.bytes(), type, count));
    }
    return tensor;
  }

  private MemorySegment floats(int count, float low, float high) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = low + (high - low) * uniform[i];
    }
    return MemorySegment.ofArray(values);
  }

  private MemorySegment bf16(int count, float low, float high) {
    short[] values = new short[count];
    for (int i = 0; i < count; i++) {
      // Cut off, not rounded: any value will do.
      values[i] = (short) (Float.floatToRawIntBits(low + (high - low) * uniform[i]) >>> 16);
    }
    return MemorySegment.ofArray(values);
  }

  private MemorySegment f16(int count, float low, float high) {
    short[] values = new short[count];
    for (int i = 0; i < count; i++) {
      values[i] = Float.floatToFloat16(low + (high - low) * uniform[i]);
    }
    return MemorySegment.ofArray(values);
  }

  /** Random ids in [0, bound). */
  Tensor ids(int bound, long... shape) {
    Tensor tensor = output(DType.I32, shape);
    if (!filled) {
      return tensor;
    }
    int[] ids = random.ints(tensor.count(), 0, bound).toArray();
    backend.upload(MemorySegment.ofArray(ids), tensor);
    return tensor;
  }

  /** Scratch. */
  Tensor workspace(long bytes) {
    return output(DType.U8, Math.max(1, bytes));
  }
}
