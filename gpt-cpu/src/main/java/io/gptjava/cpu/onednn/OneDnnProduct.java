package io.gptjava.cpu.onednn;

import io.gptjava.core.DType;
import io.gptjava.cpu.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Matrix products by oneDNN on the threads of a pool. The output is cut as {@link ProductSplit}
 * says and each piece computed by one thread, so that results are the same bits for any number of
 * threads, and the library's own OpenMP threads, which would spin between products and take
 * processors from the pool, never start.
 *
 * <p>What a shape needs is made at its first product and kept, for the {@value #MOST_PLANS} shapes
 * used last; after that a product allocates nothing. One product at a time. The threads that run it
 * keep OpenMP's thread count of 1.
 */
public final class OneDnnProduct implements AutoCloseable {
  static final int MOST_PLANS = 128;

  private static final long SCRATCH_ALIGNMENT = 4096;

  private final OneDnnApi api;
  private final WorkerPool pool;
  private final long engine;
  private final long[] streams;
  private final List<ProductPlan> plans = new ArrayList<>(MOST_PLANS);
  private final WorkerPool.Task computing = this::compute;

  private Arena scratchArena = Arena.ofShared();
  private MemorySegment scratch = MemorySegment.NULL; // (workers, scratchStride)
  private long scratchStride;
  private long time;

  // The product being computed.
  private ProductPlan plan;
  private long a;
  private long b;
  private long out;
  private long bias;

  /**
   * Products on a pool, which must outlive it.
   *
   * @throws OneDnnException if the library cannot start
   */
  public OneDnnProduct(OneDnnApi api, WorkerPool pool) {
    this.api = api;
    this.pool = pool;
    engine = api.createEngine();
    streams = new long[pool.threads()];
    for (int i = 0; i < streams.length; i++) {
      streams[i] = api.createStream(engine);
    }
  }

  /**
   * {@code out = A · B + bias}, or {@code out += A · B + bias}.
   *
   * @param type of both factors: F32 or BF16
   * @param a (m, k), as rows {@code leadingA} elements apart; the rows of its transpose (k, m) with
   *     {@code transposedA}
   * @param b (k, n), likewise
   * @param outType of the output: F32 or BF16; sums are F32 whatever it is
   * @param out (m, n), rows {@code leadingOut} elements apart
   * @param accumulate whether to add to what {@code out} holds
   * @param biasOrNull (n), F32
   * @throws OneDnnException if the library cannot do it
   */
  public void multiply(
      DType type,
      MemorySegment a,
      long leadingA,
      boolean transposedA,
      MemorySegment b,
      long leadingB,
      boolean transposedB,
      int m,
      int n,
      int k,
      DType outType,
      MemorySegment out,
      long leadingOut,
      boolean accumulate,
      MemorySegment biasOrNull) {
    assert a.byteSize() >= extent(transposedA ? k : m, transposedA ? m : k, leadingA, type) : a;
    assert b.byteSize() >= extent(transposedB ? n : k, transposedB ? k : n, leadingB, type) : b;
    assert out.byteSize() >= extent(m, n, leadingOut, outType) : out;
    assert biasOrNull == null || biasOrNull.byteSize() >= (long) n * Float.BYTES : biasOrNull;
    boolean biased = biasOrNull != null;
    plan = null;
    for (int i = 0; i < plans.size() && plan == null; i++) {
      ProductPlan.Shape s = plans.get(i).shape();
      if (s.m() == m
          && s.n() == n
          && s.k() == k
          && s.type() == type
          && s.outType() == outType
          && s.transposedA() == transposedA
          && s.transposedB() == transposedB
          && s.leadingA() == leadingA
          && s.leadingB() == leadingB
          && s.leadingOut() == leadingOut
          && s.accumulate() == accumulate
          && s.biased() == biased) {
        plan = plans.get(i);
      }
    }
    if (plan == null) {
      plan =
          prepare(
              new ProductPlan.Shape(
                  type,
                  outType,
                  m,
                  n,
                  k,
                  leadingA,
                  transposedA,
                  leadingB,
                  transposedB,
                  leadingOut,
                  accumulate,
                  biased));
    }
    plan.use(time++);
    this.a = a.address();
    this.b = b.address();
    this.out = out.address();
    this.bias = biased ? biasOrNull.address() : 0;
    pool.run(plan.pieces(), computing);
  }

  private static long extent(long rows, long columns, long leading, DType type) {
    return ((rows - 1) * leading + columns) * type.bytes();
  }

  private void compute(int piece, int worker) {
    plan.run(piece, streams[worker], a, b, out, bias, scratch.address() + worker * scratchStride);
  }

  private ProductPlan prepare(ProductPlan.Shape shape) {
    if (plans.size() == MOST_PLANS) {
      ProductPlan oldest = plans.getFirst();
      for (ProductPlan p : plans) {
        oldest = p.lastUse() < oldest.lastUse() ? p : oldest;
      }
      plans.remove(oldest);
      oldest.close();
    }
    ProductPlan made = new ProductPlan(api, engine, shape);
    plans.add(made);
    if (made.scratchBytes() > scratchStride) {
      scratchStride =
          (made.scratchBytes() + SCRATCH_ALIGNMENT - 1) / SCRATCH_ALIGNMENT * SCRATCH_ALIGNMENT;
      scratchArena.close();
      scratchArena = Arena.ofShared();
      scratch = scratchArena.allocate(pool.threads() * scratchStride, SCRATCH_ALIGNMENT);
    }
    return made;
  }

  /** Name of the library's code behind the last product, such as {@code brg_matmul:avx512_core}. */
  public String implementation() {
    return plan.implementation();
  }

  /** Bytes of scratch memory so far. */
  public long scratchBytes() {
    return pool.threads() * scratchStride;
  }

  /** How many shapes are ready. */
  int planCount() {
    return plans.size();
  }

  /** Gives everything back. */
  @Override
  public void close() {
    plans.forEach(ProductPlan::close);
    plans.clear();
    for (long stream : streams) {
      api.destroyStream(stream);
    }
    api.destroyEngine(engine);
    scratchArena.close();
  }
}
