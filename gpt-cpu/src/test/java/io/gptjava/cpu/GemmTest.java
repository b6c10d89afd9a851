package io.gptjava.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GemmTest {
  private static final float UNIT_ROUNDOFF = 0x1p-24f;

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "1, 7, 3",
    "2, 1, 5",
    "3, 2, 1",
    "5, 17, 31",
    "6, 64, 256",
    "7, 65, 257",
    "12, 63, 255",
    "13, 129, 513",
    "95, 127, 100",
    "97, 128, 129",
    "96, 300, 64",
    "101, 33, 1537",
    "23, 70, 3073",
    "2100, 5, 700",
    "4, 3000, 800",
    "700, 1040, 1520",
  })
  void matchesPlainLoopsForEveryTranspose(int m, int n, int k) {
    try (Arena arena = Arena.ofShared();
        WorkerPool one = new WorkerPool(1);
        WorkerPool two = new WorkerPool(2);
        WorkerPool three = new WorkerPool(3)) {
      SplittableRandom random = new SplittableRandom(m * 31L + n * 7L + k);
      float[] a = random(random, m * k);
      float[] b = random(random, k * n);
      float[] bT = transpose(b, k, n);
      double[] exact = new double[m * n];
      double[] magnitude = new double[m * n];
      product(a, bT, m, n, k, exact, magnitude);
      MemorySegment segmentA = segment(arena, a);
      MemorySegment segmentAT = segment(arena, transpose(a, m, k));
      MemorySegment segmentB = segment(arena, b);
      MemorySegment segmentBT = segment(arena, bT);
      float[] before = random(random, m * n);
      float[] first = null;
      Gemm[] gemms = {new Gemm(one), new Gemm(two), new Gemm(three)};
      for (int variant = 0; variant < 3; variant++) {
        GemmOperand left =
            variant == 2
                ? new GemmOperand(segmentAT, m, true)
                : new GemmOperand(segmentA, k, false);
        GemmOperand right =
            variant == 1
                ? new GemmOperand(segmentBT, k, true)
                : new GemmOperand(segmentB, n, false);
        for (Gemm gemm : gemms) {
          MemorySegment out = segment(arena, before);
          gemm.multiply(
              left, right, m, n, k, DType.F32, out, n, false, GemmEpilogue.STORE, null, null, null);
          float[] got = out.toArray(ValueLayout.JAVA_FLOAT);
          if (first == null) {
            first = got;
            for (int i = 0; i < got.length; i++) {
              double allowed = (k + 2) * UNIT_ROUNDOFF * magnitude[i];
              assertEquals(exact[i], got[i], allowed, "element " + i);
            }
          }
          // Every layout and every number of threads sums the same terms in the same order.
          assertArrayEquals(first, got);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "9, 70, 300", "50, 131, 1700"})
  void accumulatesAndAppliesEpilogues(int m, int n, int k) {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2)) {
      SplittableRandom random = new SplittableRandom(5);
      float[] a = random(random, m * k);
      float[] b = random(random, k * n);
      float[] bias = random(random, n);
      float[] before = random(random, m * n);
      double[] exact = new double[m * n];
      double[] magnitude = new double[m * n];
      product(a, transpose(b, k, n), m, n, k, exact, magnitude);
      GemmOperand left = new GemmOperand(segment(arena, a), k, false);
      GemmOperand right = new GemmOperand(segment(arena, b), n, false);
      MemorySegment biasSegment = segment(arena, bias);
      Gemm gemm = new Gemm(pool);

      MemorySegment added = segment(arena, before);
      gemm.multiply(
          left, right, m, n, k, DType.F32, added, n, true, GemmEpilogue.STORE, null, null, null);
      MemorySegment biased = segment(arena, before);
      gemm.multiply(
          left,
          right,
          m,
          n,
          k,
          DType.F32,
          biased,
          n,
          false,
          GemmEpilogue.BIAS,
          biasSegment,
          null,
          null);
      MemorySegment pre = segment(arena, before);
      MemorySegment gelu = segment(arena, before);
      gemm.multiply(
          left,
          right,
          m,
          n,
          k,
          DType.F32,
          gelu,
          n,
          false,
          GemmEpilogue.BIAS_GELU,
          biasSegment,
          pre,
          null);
      MemorySegment backward = segment(arena, before);
      MemorySegment x = segment(arena, before);
      gemm.multiply(
          left,
          right,
          m,
          n,
          k,
          DType.F32,
          backward,
          n,
          false,
          GemmEpilogue.GELU_BACKWARD,
          null,
          x,
          null);

      for (int i = 0; i < m * n; i++) {
        double allowed = (k + 4) * UNIT_ROUNDOFF * (magnitude[i] + 1);
        assertEquals(exact[i] + before[i], at(added, i), allowed);
        assertEquals(exact[i] + bias[i % n], at(biased, i), allowed);
        assertEquals(at(biased, i), at(pre, i));
        assertEquals(gelu(at(pre, i)), at(gelu, i), 8 * UNIT_ROUNDOFF * (1 + Math.abs(at(pre, i))));
        double slope = geluDerivative(before[i]);
        assertEquals(exact[i] * slope, at(backward, i), 2 * allowed + 1e-6 * Math.abs(exact[i]));
      }
    }
  }

  @Test
  void writesNothingOutsideItsColumns() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2)) {
      int m = 13;
      int n = 70;
      int k = 20;
      int leading = 83;
      SplittableRandom random = new SplittableRandom(6);
      float[] a = random(random, m * k);
      float[] b = random(random, k * n);
      MemorySegment out = arena.allocate((long) m * leading * Float.BYTES, 64);
      for (int i = 0; i < m * leading; i++) {
        out.setAtIndex(ValueLayout.JAVA_FLOAT, i, 7);
      }
      new Gemm(pool)
          .multiply(
              new GemmOperand(segment(arena, a), k, false),
              new GemmOperand(segment(arena, b), n, false),
              m,
              n,
              k,
              DType.F32,
              out,
              leading,
              false,
              GemmEpilogue.STORE,
              null,
              null,
              null);
      double[] exact = new double[m * n];
      product(a, transpose(b, k, n), m, n, k, exact, new double[m * n]);
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < leading; j++) {
          double expected = j < n ? exact[i * n + j] : 7;
          assertEquals(expected, at(out, i * leading + j), 1e-5);
        }
      }
    }
  }

  @Test
  void notANumberStaysInItsRow() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(1)) {
      int m = 8;
      int n = 5;
      int k = 9;
      SplittableRandom random = new SplittableRandom(7);
      float[] a = random(random, m * k);
      a[3 * k + 4] = Float.NaN;
      MemorySegment out = arena.allocate((long) m * n * Float.BYTES, 64);
      new Gemm(pool)
          .multiply(
              new GemmOperand(segment(arena, a), k, false),
              new GemmOperand(segment(arena, random(random, k * n)), n, false),
              m,
              n,
              k,
              DType.F32,
              out,
              n,
              false,
              GemmEpilogue.STORE,
              null,
              null,
              null);
      for (int i = 0; i < m * n; i++) {
        assertTrue(Float.isNaN(at(out, i)) == (i / n == 3), "element " + i);
      }
    }
  }

  private static void product(
      float[] a, float[] bT, int m, int n, int k, double[] sums, double[] magnitudes) {
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = 0;
        double magnitude = 0;
        for (int p = 0; p < k; p++) {
          double term = (double) a[i * k + p] * bT[j * k + p];
          sum += term;
          magnitude += Math.abs(term);
        }
        sums[i * n + j] = sum;
        magnitudes[i * n + j] = magnitude;
      }
    }
  }

  private static double gelu(double x) {
    return 0.5 * x * (1 + Math.tanh(inner(x)));
  }

  private static double geluDerivative(double x) {
    double t = Math.tanh(inner(x));
    double slope = Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope;
  }

  private static double inner(double x) {
    return Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);
  }

  private static float at(MemorySegment segment, int index) {
    return segment.getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }

  private static float[] random(SplittableRandom random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return values;
  }

  private static float[] transpose(float[] matrix, int rows, int columns) {
    float[] result = new float[matrix.length];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        result[j * rows + i] = matrix[i * columns + j];
      }
    }
    return result;
  }

  private static MemorySegment segment(Arena arena, float[] values) {
    MemorySegment segment = arena.allocate((long) values.length * Float.BYTES, 64);
    MemorySegment.copy(values, 0, segment, ValueLayout.JAVA_FLOAT, 0, values.length);
    return segment;
  }
}
