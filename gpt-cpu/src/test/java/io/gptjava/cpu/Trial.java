package io.gptjava.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.StepInputs;
import io.gptjava.core.Tensor;
import io.gptjava.core.reference.ReferenceBackend;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** One run of some ops on one backend: seeded inputs, poisoned outputs, results in order. */
final class Trial {
  /** What a test does with a backend. */
  interface Body {
    void run(Trial trial);
  }

  private final Backend backend;
  private final Random random = new Random(42);
  private final List<float[]> results = new ArrayList<>();

  private Trial(Backend backend) {
    this.backend = backend;
    backend.stepControl().begin(new StepInputs(0x1234_5678_9ABC_DEF0L, 7, 1e-3f, 0, 1, 64));
    backend.stepControl().microBatch(3);
  }

  /**
   * Runs the body on the reference and on the CPU backend with 1, 2 and 3 threads: the first two
   * agree within the tolerance, relative to the largest magnitude of each result; the last three
   * agree in every bit.
   */
  static void compare(double tolerance, Body body) {
    List<float[]> expected = run(new ReferenceBackend(), body);
    List<float[]> single = run(new CpuBackend(1), body);
    for (int i = 0; i < expected.size(); i++) {
      close("result " + i, expected.get(i), single.get(i), tolerance);
    }
    for (int threads = 2; threads <= 3; threads++) {
      List<float[]> parallel = run(new CpuBackend(threads), body);
      for (int i = 0; i < expected.size(); i++) {
        assertArrayEquals(single.get(i), parallel.get(i), "result " + i + ", threads " + threads);
      }
    }
  }

  /** Runs the body on one backend, which is closed. */
  static List<float[]> run(Backend backend, Body body) {
    try (backend) {
      Trial trial = new Trial(backend);
      body.run(trial);
      return trial.results;
    }
  }

  private static void close(String name, float[] expected, float[] actual, double tolerance) {
    double largest = 1e-30;
    for (float e : expected) {
      largest = Math.max(largest, Math.abs(e));
    }
    for (int i = 0; i < expected.length; i++) {
      double error = Math.abs((double) expected[i] - actual[i]) / largest;
      int at = i;
      assertTrue(
          error <= tolerance,
          () -> name + "[" + at + "]: " + actual[at] + ", expected " + expected[at]);
    }
  }

  Backend backend() {
    return backend;
  }

  /** A tensor whose elements are NaN. */
  Tensor poisoned(long... shape) {
    return filled(Float.NaN, shape);
  }

  /** A tensor of one value. */
  Tensor filled(float value, long... shape) {
    Tensor tensor = allocate(DType.F32, shape);
    for (long i = 0; i < tensor.count(); i++) {
      tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
    return tensor;
  }

  /** A tensor of normal numbers of this standard deviation. */
  Tensor normal(double deviation, long... shape) {
    Tensor tensor = allocate(DType.F32, shape);
    for (long i = 0; i < tensor.count(); i++) {
      float value = (float) (deviation * random.nextGaussian());
      tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
    return tensor;
  }

  /** A tensor of integers below a bound. */
  Tensor integers(int bound, long... shape) {
    Tensor tensor = allocate(DType.I32, shape);
    for (long i = 0; i < tensor.count(); i++) {
      tensor.segment().setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt(bound));
    }
    return tensor;
  }

  Tensor workspace(long bytes) {
    return allocate(DType.U8, bytes);
  }

  Tensor allocate(DType dtype, long... shape) {
    long count = 1;
    for (long dimension : shape) {
      count *= dimension;
    }
    return Tensor.of(backend.allocate("test", count * dtype.bytes()), 0, dtype, shape);
  }

  /** Remembers what a tensor holds now. */
  void result(Tensor tensor) {
    MemorySegment segment = tensor.segment();
    results.add(segment.toArray(ValueLayout.JAVA_FLOAT));
  }
}
