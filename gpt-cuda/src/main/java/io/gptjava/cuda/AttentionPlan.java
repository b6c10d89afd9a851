package io.gptjava.cuda;

import io.gptjava.core.DType;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.Kernel;
import java.util.Set;

/**
 * The kernels that serve one dtype and head size, with or without dropout, and how they are
 * launched: those on tensor cores for 16-bit types and the usual head sizes, the plain ones
 * otherwise. Launch shapes are those of {@code kernels/include/attention_kernels.cuh} and {@code
 * kernels/src/attention_plain.cu}.
 */
final class AttentionPlan {
  /** What selects a plan. */
  record Key(DType dtype, int headSize, boolean dropout) {}

  private static final Set<Integer> TENSOR_CORE_SIZES = Set.of(32, 64, 96, 128);

  /** Bytes of keys and values that heads in work at a time may have: a share of the L2 cache. */
  private static final long CACHED_BYTES = 16L << 20;

  private final Key key;
  final boolean plain;
  final Kernel forward;
  final Kernel queryGradient;
  final Kernel keyGradient;

  /** Row sums of dOut and out; null where the query gradient's kernel does them. */
  final Kernel correctionOrNull;

  AttentionPlan(CudaDevice device, Key key) {
    this.key = key;
    int size = key.headSize();
    plain = key.dtype() == DType.F32 || !TENSOR_CORE_SIZES.contains(size);
    String suffix = CudaOperands.suffix(key.dtype());
    String name =
        plain
            ? "plain_%s_" + slice() + suffix
            : "%s_" + size + (key.dropout() ? "_dropout" : "") + suffix;
    forward = device.kernel("attention_" + name.formatted("forward"));
    queryGradient = device.kernel("attention_" + name.formatted("query_gradient"));
    keyGradient = device.kernel("attention_" + name.formatted("key_gradient"));
    correctionOrNull = plain ? device.kernel("attention_plain_correction" + suffix) : null;
  }

  /** Columns of a head that a block of a plain kernel computes. */
  private int slice() {
    return key.headSize() <= 64 ? 64 : 128;
  }

  /** Blocks in x for so many heads in all. */
  long blocks(long heads, int sequence) {
    int tile = plain ? 64 : 128;
    return heads * ((sequence + tile - 1) / tile);
  }

  /** Blocks in y. */
  int slices() {
    return plain ? (key.headSize() + slice() - 1) / slice() : 1;
  }

  /** Threads of a block, forward and for the query gradient. */
  int threads() {
    return plain ? 256 : 128;
  }

  /**
   * Threads of a block for the key gradient: more warps of fewer keys where registers are short.
   */
  int keyThreads() {
    return plain || key.headSize() > (key.dropout() ? 32 : 64) ? 256 : 128;
  }

  /** Dynamic shared memory, forward: queries and two stages of keys and values. */
  int forwardSharedBytes() {
    return plain ? plainSharedBytes() : (128 + 4 * 64) * key.headSize() * 2;
  }

  /** Dynamic shared memory of either gradient. */
  int gradientSharedBytes() {
    return plain ? plainSharedBytes() : (2 * 128 + 4 * 64) * key.headSize() * 2;
  }

  private int plainSharedBytes() {
    int pitch = 68;
    return (64 * pitch + 64 * Math.max(slice(), pitch)) * Float.BYTES;
  }

  /** Heads that are worked on together, so that what they read stays in the L2 cache. */
  int headsPerGroup(long heads, int sequence) {
    long bytes = 2L * sequence * key.headSize() * key.dtype().bytes();
    return (int) Math.max(1, Math.min(heads, CACHED_BYTES / bytes));
  }
}
