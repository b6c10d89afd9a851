package io.gptjava.benchmarks;

import io.gptjava.core.OptimizerState;
import io.gptjava.cpu.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Measures the two ceilings of the roofline with all threads: multiply-adds in registers, and
 * memory traffic in AdamW's proportion of four tensors read to three written.
 */
final class MachineProbe implements AutoCloseable {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  private static final int CHAINS = 12;
  private static final int FMA_ROUNDS = 1 << 14;
  private static final int FMA_CALLS = 1 << 9;
  private static final long CHUNK = 1L << 18;
  private static final int BLOCK = 1 << 11;

  private final WorkerPool pool;
  private final float[] sink;

  MachineProbe(int threads) {
    pool = new WorkerPool(threads);
    sink = new float[threads * F.length()];
  }

  /** Vector multiply-adds without memory access, in FLOP/s. */
  double multiplyAdd() {
    int threads = pool.threads();
    double ms =
        Timing.time(
            () ->
                pool.run(
                    threads,
                    (task, _) -> {
                      for (int call = 0; call < FMA_CALLS; call++) {
                        chains(sink, task * F.length());
                      }
                    }));
    double multiplyAdds = (double) F.length() * CHAINS * FMA_ROUNDS * FMA_CALLS * threads;
    return 2 * multiplyAdds / (ms * 1e-3);
  }

  /** Twelve independent chains: enough to cover the latency of two FMA units. */
  private static void chains(float[] out, int at) {
    FloatVector x = FloatVector.broadcast(F, 0.999f);
    FloatVector y = FloatVector.broadcast(F, 1e-3f);
    FloatVector a = y;
    FloatVector b = y;
    FloatVector c = y;
    FloatVector d = y;
    FloatVector e = y;
    FloatVector f = y;
    FloatVector g = y;
    FloatVector h = y;
    FloatVector i = y;
    FloatVector j = y;
    FloatVector k = y;
    FloatVector l = y;
    for (int round = 0; round < FMA_ROUNDS; round++) {
      a = a.fma(x, y);
      b = b.fma(x, y);
      c = c.fma(x, y);
      d = d.fma(x, y);
      e = e.fma(x, y);
      f = f.fma(x, y);
      g = g.fma(x, y);
      h = h.fma(x, y);
      i = i.fma(x, y);
      j = j.fma(x, y);
      k = k.fma(x, y);
      l = l.fma(x, y);
    }
    FloatVector sum = a.add(b).add(c).add(d).add(e).add(f);
    sum.add(g).add(h).add(i).add(j).add(k).add(l).intoArray(out, at);
  }

  /**
   * Streams over the optimizer's own four tensors (host memory) in AdamW's mix, in bytes/s. Weights
   * and moments get back the values they had.
   */
  double adamWMix(OptimizerState state) {
    MemorySegment w = state.parameters().segment();
    MemorySegment g = state.gradients().segment();
    MemorySegment m = state.firstMoment().segment();
    MemorySegment v = state.secondMoment().segment();
    long count = state.parameters().count();
    int tasks = Math.toIntExact((count + CHUNK - 1) / CHUNK);
    double ms =
        Timing.time(
            () ->
                pool.run(
                    tasks,
                    (task, _) -> {
                      long from = task * CHUNK;
                      stream(w, g, m, v, from, Math.min(count, from + CHUNK), 0f);
                    }));
    return OpCost.adamW(count).bytes() / (ms * 1e-3);
  }

  /**
   * Adds {@code zero} times the gradient to the others: the compiler must not know it is zero.
   * Block by block, so that the gradient comes from memory once; and tensor by tensor, as a loop
   * over all four at once is more than the compiler takes in when it has also seen the ops of bf16.
   */
  private static void stream(
      MemorySegment w,
      MemorySegment g,
      MemorySegment m,
      MemorySegment v,
      long from,
      long to,
      float zero) {
    for (long at = from; at < to; at += BLOCK) {
      int count = (int) Math.min(BLOCK, to - at);
      add(w, g, at, count, zero);
      add(m, g, at, count, zero);
      add(v, g, at, count, zero);
    }
  }

  /** The layout aligns every buffer to 64 elements, so no tail is needed. */
  private static void add(MemorySegment x, MemorySegment g, long first, int count, float zero) {
    ByteOrder order = ByteOrder.nativeOrder();
    FloatVector factor = FloatVector.broadcast(F, zero);
    for (int i = 0; i < count; i += F.length()) {
      long at = (first + i) * Float.BYTES;
      FloatVector.fromMemorySegment(F, g, at, order)
          .fma(factor, FloatVector.fromMemorySegment(F, x, at, order))
          .intoMemorySegment(x, at, order);
    }
  }

  @Override
  public void close() {
    pool.close();
  }
}
