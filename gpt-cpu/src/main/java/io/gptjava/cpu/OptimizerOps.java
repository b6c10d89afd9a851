package io.gptjava.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.DType;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.OptimizerState.ParameterRange;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Gradient norm and AdamW. */
final class OptimizerOps {
  private static final int STEP = Vectors.F.length();
  private static final VectorSpecies<Double> D = DoubleVector.SPECIES_PREFERRED;

  /** Elements of one task: a fixed cut of each range, so that sums do not depend on threads. */
  private static final int CHUNK = 1 << 16;

  /** Elements that are updated before their copies are rounded, still in the cache. */
  private static final int BLOCK = 1 << 12;

  private final WorkerPool pool;
  private final HostStepControl control;
  private List<ParameterRange> planned = List.of();

  /** First task of each range; one more at the end. */
  private int[] firstTask = new int[1];

  /** Sum of squares of each task. */
  private double[] squares = new double[0];

  /** One worker's lanes of a sum, a cache line or more apart. */
  private final double[][] lanes;

  OptimizerOps(WorkerPool pool, HostStepControl control) {
    this.pool = pool;
    this.control = control;
    lanes = new double[pool.threads()][Math.max(16, D.length())];
  }

  void globalGradientNorm(OptimizerState state) {
    MemorySegment gradients =
        Operands.floats("gradients", state.gradients(), state.parameters().count());
    int tasks = plan(state.ranges());
    pool.run(
        tasks,
        (task, worker) -> {
          int range = rangeOf(task);
          long from = from(range, task);
          squares[task] = squares(gradients, from * 4, count(range, from), lanes[worker]);
        });
    double sum = 0;
    for (int task = 0; task < tasks; task++) {
      sum += squares[task];
    }
    control.gradientNorm(Math.sqrt(sum));
  }

  /** Updates the weights, and a bf16 copy of them rounded to nearest in the same pass. */
  void adamW(OptimizerState state, AdamWSettings settings) {
    long count = state.parameters().count();
    MemorySegment w = Operands.floats("parameters", state.parameters(), count);
    MemorySegment g = Operands.floats("gradients", state.gradients(), count);
    MemorySegment m = Operands.floats("firstMoment", state.firstMoment(), count);
    MemorySegment v = Operands.floats("secondMoment", state.secondMoment(), count);
    if (control.skipped()) {
      return;
    }
    Update update = Update.of(settings, control);
    Tensor copy = state.computeOrNull();
    boolean copies = copy != null && copy.dtype() == DType.BF16 && !settings.stochasticRounding();
    MemorySegment halves = copies ? Operands.vector("compute", copy, DType.BF16, count) : null;
    pool.run(
        plan(state.ranges()),
        (task, worker) -> {
          int range = rangeOf(task);
          long from = from(range, task);
          float kept = planned.get(range).decay() ? update.decayed() : 1;
          int length = count(range, from);
          for (int at = 0; at < length; at += BLOCK) {
            int n = Math.min(BLOCK, length - at);
            update(w, g, m, v, (from + at) * 4, n, kept, update);
            if (halves != null) {
              HalfVectors.narrow(w, (from + at) * 4, halves, (from + at) * HalfVectors.BYTES, n);
            }
          }
        });
  }

  /**
   * The scalars of one update, rounded once from float64.
   *
   * @param factor what gradients are multiplied by
   * @param decayed 1 − lr·λ
   * @param rate lr / (1 − β₁ᵗ)
   * @param rootScale 1 / √(1 − β₂ᵗ)
   */
  private record Update(
      float factor,
      float beta1,
      float rest1,
      float beta2,
      float rest2,
      float decayed,
      float rate,
      float rootScale,
      float epsilon) {
    static Update of(AdamWSettings settings, HostStepControl control) {
      long t = control.nextUpdate();
      double learningRate = control.inputs().learningRate();
      return new Update(
          control.gradientFactor(),
          settings.beta1(),
          (float) (1.0 - settings.beta1()),
          settings.beta2(),
          (float) (1.0 - settings.beta2()),
          (float) (1 - learningRate * settings.weightDecay()),
          (float) (learningRate / (1 - StrictMath.pow(settings.beta1(), t))),
          (float) (1 / Math.sqrt(1 - StrictMath.pow(settings.beta2(), t))),
          settings.epsilon());
    }
  }

  /** Cuts the ranges into tasks, once per layout. */
  private int plan(List<ParameterRange> ranges) {
    if (planned != ranges) {
      int[] first = new int[ranges.size() + 1];
      for (int i = 0; i < ranges.size(); i++) {
        first[i + 1] = Math.toIntExact(first[i] + (ranges.get(i).count() + CHUNK - 1) / CHUNK);
      }
      planned = ranges;
      firstTask = first;
      squares = new double[first[ranges.size()]];
    }
    return squares.length;
  }

  private int rangeOf(int task) {
    int low = 0;
    int high = firstTask.length - 1;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (firstTask[middle] <= task) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private long from(int range, int task) {
    return planned.get(range).offset() + (long) (task - firstTask[range]) * CHUNK;
  }

  private int count(int range, long from) {
    ParameterRange r = planned.get(range);
    return (int) Math.min(CHUNK, r.offset() + r.count() - from);
  }

  /** Sum of squares in float64, in which a float's square is exact. */
  private static double squares(MemorySegment g, long at, int count, double[] lanes) {
    DoubleVector low = DoubleVector.zero(D);
    DoubleVector high = low;
    int bound = Vectors.F.loopBound(count);
    for (int i = 0; i < bound; i += STEP) {
      FloatVector v = Vectors.load(g, at + i * 4L);
      DoubleVector a = (DoubleVector) v.convertShape(VectorOperators.F2D, D, 0);
      DoubleVector b = (DoubleVector) v.convertShape(VectorOperators.F2D, D, 1);
      low = a.fma(a, low);
      high = b.fma(b, high);
    }
    low.add(high).intoArray(lanes, 0);
    double sum = 0;
    for (int i = 0; i < D.length(); i++) {
      sum += lanes[i];
    }
    for (int i = bound; i < count; i++) {
      double x = g.get(JAVA_FLOAT, at + i * 4L);
      sum += x * x;
    }
    return sum;
  }

  private static void update(
      MemorySegment w,
      MemorySegment g,
      MemorySegment m,
      MemorySegment v,
      long at,
      int count,
      float kept,
      Update u) {
    int bound = Vectors.F.loopBound(count);
    vectors(w, g, m, v, at, bound, kept, u);
    for (int i = bound; i < count; i++) {
      long here = at + i * 4L;
      float gradient = g.get(JAVA_FLOAT, here) * u.factor;
      float first = Math.fma(u.rest1, gradient, m.get(JAVA_FLOAT, here) * u.beta1);
      float second = Math.fma(u.rest2 * gradient, gradient, v.get(JAVA_FLOAT, here) * u.beta2);
      float root = Math.fma((float) Math.sqrt(second), u.rootScale, u.epsilon);
      float step = first * u.rate / root;
      m.set(JAVA_FLOAT, here, first);
      v.set(JAVA_FLOAT, here, second);
      w.set(JAVA_FLOAT, here, Math.fma(w.get(JAVA_FLOAT, here), kept, -step));
    }
  }

  private static void vectors(
      MemorySegment w,
      MemorySegment g,
      MemorySegment m,
      MemorySegment v,
      long at,
      int bound,
      float kept,
      Update u) {
    FloatVector rest1 = FloatVector.broadcast(Vectors.F, u.rest1);
    FloatVector rest2 = FloatVector.broadcast(Vectors.F, u.rest2);
    FloatVector rootScale = FloatVector.broadcast(Vectors.F, u.rootScale);
    FloatVector epsilon = FloatVector.broadcast(Vectors.F, u.epsilon);
    FloatVector minusRate = FloatVector.broadcast(Vectors.F, -u.rate);
    FloatVector keep = FloatVector.broadcast(Vectors.F, kept);
    for (int i = 0; i < bound; i += STEP) {
      long here = at + i * 4L;
      FloatVector gradient = Vectors.load(g, here).mul(u.factor);
      FloatVector first = gradient.fma(rest1, Vectors.load(m, here).mul(u.beta1));
      FloatVector second = gradient.mul(rest2).fma(gradient, Vectors.load(v, here).mul(u.beta2));
      FloatVector root = second.sqrt().fma(rootScale, epsilon);
      FloatVector step = first.mul(minusRate).div(root);
      Vectors.store(first, m, here);
      Vectors.store(second, v, here);
      Vectors.store(Vectors.load(w, here).fma(keep, step), w, here);
    }
  }
}
