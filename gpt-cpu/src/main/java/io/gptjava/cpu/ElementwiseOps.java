package io.gptjava.cpu;

import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** GELU, softmax and plumbing. */
final class ElementwiseOps {
  private static final int STEP = Vectors.F.length();

  /** Elements of one task of an element-wise op. */
  private static final int CHUNK = 1 << 14;

  /** Bytes of one task of a fill or copy. */
  private static final long CHUNK_BYTES = 1 << 20;

  private final WorkerPool pool;
  private final Conversion[] conversions;
  private final RowScratch scratch;
  private final StochasticRows[] stochastic;

  ElementwiseOps(WorkerPool pool, RowScratch scratch) {
    this.pool = pool;
    this.scratch = scratch;
    conversions = new Conversion[pool.threads()];
    stochastic = new StochasticRows[pool.threads()];
    for (int i = 0; i < conversions.length; i++) {
      conversions[i] = new Conversion();
      stochastic[i] = new StochasticRows(CHUNK);
    }
  }

  void gelu(Tensor x, Tensor out) {
    long count = x.count();
    DType type = Operands.type("x", x);
    MemorySegment in = Operands.vector("x", x, type, count);
    MemorySegment y = Operands.vector("out", out, type, count);
    if (type == DType.BF16) {
      scratch.reserve(HalfGelu.BLOCK);
      pool.run(
          tasks(count, CHUNK),
          (task, worker) ->
              HalfGelu.forward(
                  in, y, (long) task * CHUNK, length(task, count), scratch.row(worker, 0)));
      return;
    }
    pool.run(
        tasks(count, CHUNK),
        (task, worker) -> gelu(in, y, (long) task * CHUNK * 4, length(task, count)));
  }

  /** GELU of {@code count} floats at a byte offset; {@code out} may be {@code x}. */
  static void gelu(MemorySegment x, MemorySegment out, long at, int count) {
    int bound = Vectors.F.loopBound(count);
    for (int i = 0; i < bound; i += STEP) {
      Vectors.store(VectorMath.gelu(Vectors.load(x, at + i * 4L)), out, at + i * 4L);
    }
    if (bound < count) {
      VectorMask<Float> tail = Vectors.F.indexInRange(bound, count);
      FloatVector y = VectorMath.gelu(Vectors.load(x, at + bound * 4L, tail));
      Vectors.store(y, out, at + bound * 4L, tail);
    }
  }

  void geluBackward(Tensor x, Tensor dOut, Tensor dX) {
    long count = x.count();
    DType type = Operands.type("x", x);
    MemorySegment in = Operands.vector("x", x, type, count);
    MemorySegment dy = Operands.vector("dOut", dOut, type, count);
    MemorySegment dx = Operands.vector("dX", dX, type, count);
    if (type == DType.BF16) {
      scratch.reserve(HalfGelu.BLOCK);
      pool.run(
          tasks(count, CHUNK),
          (task, worker) ->
              HalfGelu.backward(
                  in,
                  dy,
                  dx,
                  (long) task * CHUNK,
                  length(task, count),
                  scratch.row(worker, 0),
                  scratch.row(worker, 1)));
      return;
    }
    pool.run(
        tasks(count, CHUNK),
        (task, worker) -> geluBackward(in, dy, dx, (long) task * CHUNK * 4, length(task, count)));
  }

  /** {@code dX = dOut · GELU'(x)} at a byte offset; {@code dX} may be {@code dOut}. */
  static void geluBackward(
      MemorySegment x, MemorySegment dOut, MemorySegment dX, long at, int count) {
    int bound = Vectors.F.loopBound(count);
    for (int i = 0; i < bound; i += STEP) {
      long here = at + i * 4L;
      FloatVector slope = VectorMath.geluDerivative(Vectors.load(x, here));
      Vectors.store(Vectors.load(dOut, here).mul(slope), dX, here);
    }
    if (bound < count) {
      VectorMask<Float> tail = Vectors.F.indexInRange(bound, count);
      long here = at + bound * 4L;
      FloatVector slope = VectorMath.geluDerivative(Vectors.load(x, here, tail));
      Vectors.store(Vectors.load(dOut, here, tail).mul(slope), dX, here, tail);
    }
  }

  void softmax(Tensor x, Tensor out) {
    long rows = x.rows();
    int width = (int) x.size(-1);
    DType type = Operands.type("x", x);
    MemorySegment in = Operands.matrix("x", x, type, rows, width);
    MemorySegment y = Operands.matrix("out", out, type, rows, width);
    if (type == DType.BF16) {
      scratch.reserve(width);
      pool.run(
          Math.toIntExact(rows),
          (row, worker) -> {
            long at = (long) row * width * HalfVectors.BYTES;
            MemorySegment own = scratch.row(worker, 0);
            HalfVectors.widen(in, at, own, 0, width);
            softmaxRow(own, own, 0, width);
            HalfVectors.narrow(own, 0, y, at, width);
          });
      return;
    }
    pool.run(
        Math.toIntExact(rows), (row, worker) -> softmaxRow(in, y, (long) row * width * 4, width));
  }

  private static void softmaxRow(MemorySegment x, MemorySegment out, long at, int width) {
    float max = max(x, at, width);
    FloatVector sums = FloatVector.zero(Vectors.F);
    int bound = Vectors.F.loopBound(width);
    VectorMask<Float> tail = Vectors.F.indexInRange(bound, width);
    long last = at + bound * 4L;
    for (int c = 0; c < bound; c += STEP) {
      FloatVector e = VectorMath.exp(Vectors.load(x, at + c * 4L).sub(max));
      sums = sums.add(e);
      Vectors.store(e, out, at + c * 4L);
    }
    if (bound < width) {
      FloatVector e = VectorMath.exp(Vectors.load(x, last, tail).sub(max));
      sums = sums.add(e, tail);
      Vectors.store(e, out, last, tail);
    }
    float sum = Vectors.sum(sums);
    for (int c = 0; c < bound; c += STEP) {
      Vectors.store(Vectors.load(out, at + c * 4L).div(sum), out, at + c * 4L);
    }
    if (bound < width) {
      Vectors.store(Vectors.load(out, last, tail).div(sum), out, last, tail);
    }
  }

  private static float max(MemorySegment x, long at, int width) {
    FloatVector most = FloatVector.broadcast(Vectors.F, Float.NEGATIVE_INFINITY);
    int bound = Vectors.F.loopBound(width);
    for (int c = 0; c < bound; c += STEP) {
      most = most.lanewise(VectorOperators.MAX, Vectors.load(x, at + c * 4L));
    }
    if (bound < width) {
      VectorMask<Float> tail = Vectors.F.indexInRange(bound, width);
      most = most.lanewise(VectorOperators.MAX, Vectors.load(x, at + bound * 4L, tail), tail);
    }
    return most.reduceLanes(VectorOperators.MAX);
  }

  void softmaxBackward(Tensor out, Tensor dOut, Tensor dX) {
    long rows = out.rows();
    int width = (int) out.size(-1);
    DType type = Operands.type("out", out);
    MemorySegment y = Operands.matrix("out", out, type, rows, width);
    MemorySegment dy = Operands.matrix("dOut", dOut, type, rows, width);
    MemorySegment dx = Operands.matrix("dX", dX, type, rows, width);
    if (type == DType.BF16) {
      scratch.reserve(width);
      pool.run(
          Math.toIntExact(rows),
          (row, worker) -> {
            long at = (long) row * width * HalfVectors.BYTES;
            MemorySegment own = scratch.row(worker, 0);
            MemorySegment slope = scratch.row(worker, 1);
            HalfVectors.widen(y, at, own, 0, width);
            HalfVectors.widen(dy, at, slope, 0, width);
            softmaxBackwardRow(own, slope, slope, 0, width);
            HalfVectors.narrow(slope, 0, dx, at, width);
          });
      return;
    }
    pool.run(
        Math.toIntExact(rows),
        (row, worker) -> softmaxBackwardRow(y, dy, dx, (long) row * width * 4, width));
  }

  private static void softmaxBackwardRow(
      MemorySegment out, MemorySegment dOut, MemorySegment dX, long at, int width) {
    FloatVector dots = FloatVector.zero(Vectors.F);
    int bound = Vectors.F.loopBound(width);
    VectorMask<Float> tail = Vectors.F.indexInRange(bound, width);
    long last = at + bound * 4L;
    for (int c = 0; c < bound; c += STEP) {
      long here = at + c * 4L;
      dots = Vectors.load(out, here).fma(Vectors.load(dOut, here), dots);
    }
    if (bound < width) {
      dots = Vectors.load(out, last, tail).fma(Vectors.load(dOut, last, tail), dots);
    }
    float dot = Vectors.sum(dots);
    for (int c = 0; c < bound; c += STEP) {
      long here = at + c * 4L;
      Vectors.store(Vectors.load(dOut, here).sub(dot).mul(Vectors.load(out, here)), dX, here);
    }
    if (bound < width) {
      FloatVector dx = Vectors.load(dOut, last, tail).sub(dot).mul(Vectors.load(out, last, tail));
      Vectors.store(dx, dX, last, tail);
    }
  }

  void cast(Tensor from, Tensor to) {
    long count = from.count();
    Operands.require(to.count() == count && Conversion.supports(to.dtype()), "to", to);
    Operands.require(Conversion.supports(from.dtype()), "from", from);
    MemorySegment source = Operands.memory("from", from);
    MemorySegment target = Operands.memory("to", to);
    if (from.dtype() == DType.F32 && to.dtype() == DType.BF16) {
      pool.run(
          tasks(count, CHUNK),
          (task, worker) -> {
            long first = (long) task * CHUNK;
            HalfVectors.narrow(
                source, first * 4, target, first * HalfVectors.BYTES, length(task, count));
          });
      return;
    }
    pool.run(
        tasks(count, CHUNK),
        (task, worker) ->
            conversions[worker].run(
                source,
                from.dtype(),
                target,
                to.dtype(),
                (long) task * CHUNK,
                length(task, count)));
  }

  void roundStochastically(Tensor from, Tensor to, long seed, long updates) {
    long count = to.count();
    MemorySegment source = Operands.floats("from", from, count);
    Operands.require(to.dtype() == DType.BF16, "to", to);
    MemorySegment target = Operands.memory("to", to);
    pool.run(
        tasks(count, CHUNK),
        (task, worker) -> {
          StochasticRows rows = stochastic[worker];
          rows.stream(seed, updates);
          rows.round(source, target, (long) task * CHUNK, length(task, count));
        });
  }

  void fill(Tensor tensor, float value) {
    DType dtype = tensor.dtype();
    Operands.require(Conversion.supports(dtype), "tensor", tensor);
    MemorySegment target = tensor.segment();
    if (Float.floatToRawIntBits(value) == 0) {
      zero(pool, target);
      return;
    }
    long count = tensor.count();
    short bits = dtype == DType.F32 ? 0 : Conversion.round(value, dtype);
    pool.run(
        tasks(count, CHUNK),
        (task, worker) -> {
          long first = (long) task * CHUNK;
          long end = first + length(task, count);
          if (dtype == DType.F32) {
            for (long i = first; i < end; i++) {
              target.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
            }
          } else {
            for (long i = first; i < end; i++) {
              target.setAtIndex(ValueLayout.JAVA_SHORT, i, bits);
            }
          }
        });
  }

  void copy(Tensor from, Tensor to) {
    Operands.require(from.dtype() == to.dtype() && from.count() == to.count(), "to", to);
    MemorySegment source = Operands.memory("from", from);
    MemorySegment target = Operands.memory("to", to);
    long bytes = source.byteSize();
    pool.run(
        tasks(bytes, CHUNK_BYTES),
        (task, worker) -> {
          long at = task * CHUNK_BYTES;
          MemorySegment.copy(source, at, target, at, Math.min(CHUNK_BYTES, bytes - at));
        });
  }

  /** Zeroes memory on all workers. */
  static void zero(WorkerPool pool, MemorySegment segment) {
    long bytes = segment.byteSize();
    pool.run(
        tasks(bytes, CHUNK_BYTES),
        (task, worker) -> {
          long at = task * CHUNK_BYTES;
          segment.asSlice(at, Math.min(CHUNK_BYTES, bytes - at)).fill((byte) 0);
        });
  }

  private static int tasks(long count, long size) {
    return Math.toIntExact((count + size - 1) / size);
  }

  private static int length(int task, long count) {
    return (int) Math.min(CHUNK, count - (long) task * CHUNK);
  }
}
