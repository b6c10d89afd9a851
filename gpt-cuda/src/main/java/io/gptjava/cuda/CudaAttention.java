package io.gptjava.cuda;

import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.Kernel;
import java.util.HashMap;
import java.util.Map;

/** Attention: which kernels serve a call, and their launches. */
final class CudaAttention {
  /** Threads of a warp. */
  private static final int WARP = 32;

  private final CudaDevice device;
  private final CudaStepControl control;
  private final Map<AttentionPlan.Key, AttentionPlan> plans = new HashMap<>();

  CudaAttention(CudaDevice device, CudaStepControl control) {
    this.device = device;
    this.control = control;
  }

  /** Sizes of one call. */
  private record Shape(DType dtype, int batch, int sequence, int width, int heads) {
    static Shape of(Tensor qkv, int heads) {
      DType dtype = CudaOperands.floatType("qkv", qkv);
      CudaOperands.require(qkv.rank() == 3 && qkv.count() > 0, "qkv", qkv);
      CudaOperands.require(heads >= 1 && qkv.size(2) % (3L * heads) == 0, "qkv", qkv);
      return new Shape(
          dtype, (int) qkv.size(0), (int) qkv.size(1), Math.toIntExact(qkv.size(2) / 3), heads);
    }

    int headSize() {
      return width / heads;
    }

    long rows() {
      return (long) batch * sequence;
    }

    /** Heads of all samples. */
    long allHeads() {
      return (long) batch * heads;
    }
  }

  private AttentionPlan plan(Shape s, Dropout dropout) {
    AttentionPlan.Key key = new AttentionPlan.Key(s.dtype(), s.headSize(), dropout.active());
    AttentionPlan plan = plans.get(key);
    if (plan == null) {
      plan = new AttentionPlan(device, key);
      plans.put(key, plan);
    }
    return plan;
  }

  void attention(
      Tensor qkv,
      Tensor firstVisibleOrNull,
      int heads,
      Dropout dropout,
      Tensor out,
      Tensor logSumExp) {
    Shape s = Shape.of(qkv, heads);
    checkFirstVisible(firstVisibleOrNull, s);
    CudaOperands.matrix("out", out, s.dtype(), s.rows(), s.width());
    CudaOperands.f32("logSumExp", logSumExp, s.allHeads() * s.sequence());
    forward(qkv, firstVisibleOrNull, s, dropout, out, logSumExp);
  }

  private void forward(
      Tensor qkv,
      Tensor firstVisibleOrNull,
      Shape s,
      Dropout dropout,
      Tensor out,
      Tensor logSumExpOrNull) {
    AttentionPlan plan = plan(s, dropout);
    plan.forward
        .pointer(qkv)
        .pointerOrNull(firstVisibleOrNull)
        .pointer(out)
        .pointerOrNull(logSumExpOrNull);
    sizes(plan.forward, plan, s, dropout);
    launch(plan.forward, plan, s, plan.threads(), plan.forwardSharedBytes());
  }

  void attentionBackward(
      Tensor dOut,
      Tensor qkv,
      Tensor out,
      Tensor logSumExp,
      Tensor firstVisibleOrNull,
      int heads,
      Dropout dropout,
      Tensor dQkv,
      Tensor workspace) {
    Shape s = Shape.of(qkv, heads);
    checkFirstVisible(firstVisibleOrNull, s);
    CudaOperands.matrix("dOut", dOut, s.dtype(), s.rows(), s.width());
    CudaOperands.matrix("out", out, s.dtype(), s.rows(), s.width());
    CudaOperands.f32("logSumExp", logSumExp, s.allHeads() * s.sequence());
    CudaOperands.matrix("dQkv", dQkv, s.dtype(), s.rows(), 3L * s.width());
    CudaOperands.workspace(workspace, workspaceBytes(s.batch(), s.sequence(), heads));

    AttentionPlan plan = plan(s, dropout);
    Kernel query = plan.queryGradient.pointer(dOut).pointer(qkv);
    if (plan.plain) {
      plan.correctionOrNull
          .pointer(dOut)
          .pointer(out)
          .pointer(workspace)
          .int32(s.batch())
          .int32(s.sequence())
          .int32(heads)
          .int32(s.headSize())
          .uint32(dropout.threshold())
          .launch((s.allHeads() * s.sequence() + 7) / 8, 1, 1, 8 * WARP, 0);
      query.pointer(logSumExp).pointer(workspace).pointerOrNull(firstVisibleOrNull).pointer(dQkv);
    } else {
      query
          .pointer(out)
          .pointer(logSumExp)
          .pointerOrNull(firstVisibleOrNull)
          .pointer(dQkv)
          .pointer(workspace);
    }
    sizes(query, plan, s, dropout);
    launch(query, plan, s, plan.threads(), plan.gradientSharedBytes());

    Kernel key =
        plan.keyGradient
            .pointer(dOut)
            .pointer(qkv)
            .pointer(logSumExp)
            .pointer(workspace)
            .pointerOrNull(firstVisibleOrNull)
            .pointer(dQkv);
    sizes(key, plan, s, dropout);
    launch(key, plan, s, plan.keyThreads(), plan.gradientSharedBytes());
  }

  /** Row sums of dOut and out, (B, NH, T). */
  long attentionBackwardWorkspace(int batch, int sequence, int width, int heads) {
    return workspaceBytes(batch, sequence, heads);
  }

  private static long workspaceBytes(int batch, int sequence, int heads) {
    return (long) batch * heads * sequence * Float.BYTES;
  }

  private void sizes(Kernel kernel, AttentionPlan plan, Shape s, Dropout dropout) {
    kernel.int32(s.batch()).int32(s.sequence()).int32(s.heads());
    if (plan.plain) {
      kernel.int32(s.headSize());
    }
    kernel
        .int32(plan.headsPerGroup(s.allHeads(), s.sequence()))
        .uint32(dropout.threshold())
        .uint32(dropout.purpose() << 24 | dropout.site())
        .address(control.address());
  }

  private static void launch(
      Kernel kernel, AttentionPlan plan, Shape s, int threads, int sharedBytes) {
    kernel.launch(plan.blocks(s.allHeads(), s.sequence()), plan.slices(), 1, threads, sharedBytes);
  }

  void cachedAttention(
      Tensor qkv, Tensor keyCache, Tensor valueCache, int firstPosition, Tensor out) {
    CudaOperands.require(keyCache.rank() == 4, "keyCache", keyCache);
    Shape s = Shape.of(qkv, Math.toIntExact(keyCache.size(1)));
    int capacity = Math.toIntExact(keyCache.size(2));
    long cacheRows = s.allHeads() * capacity;
    CudaOperands.matrix("keyCache", keyCache, s.dtype(), cacheRows, s.headSize());
    CudaOperands.matrix("valueCache", valueCache, s.dtype(), cacheRows, s.headSize());
    CudaOperands.matrix("out", out, s.dtype(), s.rows(), s.width());
    if (firstPosition < 0 || firstPosition + (long) s.sequence() > capacity) {
      throw new IllegalArgumentException(
          "%d positions after %d in a cache of %d"
              .formatted(s.sequence(), firstPosition, capacity));
    }
    if (firstPosition == 0 && s.sequence() > 1) {
      prompt(qkv, keyCache, valueCache, s, capacity, out);
    } else {
      decode(qkv, keyCache, valueCache, s, capacity, firstPosition, out);
    }
  }

  /** Nothing is cached yet: the kernel of training does it, and the cache gets copies. */
  private void prompt(
      Tensor qkv, Tensor keyCache, Tensor valueCache, Shape s, int capacity, Tensor out) {
    device
        .kernel("attention_append" + CudaOperands.suffix(s.dtype()))
        .pointer(qkv)
        .pointer(keyCache)
        .pointer(valueCache)
        .int32(s.sequence())
        .int32(s.headSize())
        .int32(capacity)
        .int32(0)
        .launch(s.heads(), s.sequence(), s.batch(), 4 * WARP, 0);
    forward(qkv, null, s, Dropout.NONE, out, null);
  }

  private void decode(
      Tensor qkv,
      Tensor keyCache,
      Tensor valueCache,
      Shape s,
      int capacity,
      int firstPosition,
      Tensor out) {
    int pack = 16 / s.dtype().bytes();
    int packs = s.headSize() / pack;
    boolean plain = s.headSize() % pack != 0 || packs > WARP;
    Kernel kernel =
        device
            .kernel("attention_cached" + (plain ? "_plain" : "") + CudaOperands.suffix(s.dtype()))
            .pointer(qkv)
            .pointer(keyCache)
            .pointer(valueCache)
            .pointer(out)
            .int32(s.sequence())
            .int32(s.headSize())
            .int32(capacity)
            .int32(firstPosition);
    if (plain) {
      int shared = (2 * s.headSize() + 8 * WARP) * Float.BYTES;
      kernel.launch(s.heads(), s.sequence(), s.batch(), 8 * WARP, shared);
    } else {
      int lanes = packs == 1 ? 1 : Integer.highestOneBit(packs - 1) << 1;
      kernel.int32(lanes).launch(s.heads(), s.sequence(), s.batch(), 16 * WARP, 0);
    }
  }

  private static void checkFirstVisible(Tensor firstVisibleOrNull, Shape s) {
    if (firstVisibleOrNull != null) {
      CudaOperands.i32("firstVisible", firstVisibleOrNull, s.rows());
    }
  }
}
