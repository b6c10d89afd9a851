package io.gptjava.cpu.onednn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.gptjava.core.DType;
import io.gptjava.cpu.WorkerPool;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class OneDnnProductTest {
  private static final double F32_ROUNDOFF = 0x1p-24;

  /** Half a unit in the last of bfloat16's eight significant bits. */
  private static final double BF16_ROUNDOFF = 0x1p-8;

  private static final float POISON = Float.NaN;

  private final OneDnnApi api = OneDnn.api();

  /** Every transpose, with and without bias and accumulation, in all types; on 1, 2, 3 threads. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "1, 7, 3",
    "3, 2, 1",
    "5, 17, 31",
    "13, 129, 513",
    "97, 128, 129",
    "23, 770, 70",
    "700, 40, 150",
    "400, 410, 33",
  })
  void matchesPlainLoops(int m, int n, int k) {
    try (Arena arena = Arena.ofShared();
        WorkerPool one = new WorkerPool(1);
        WorkerPool two = new WorkerPool(2);
        WorkerPool three = new WorkerPool(3);
        OneDnnProduct first = new OneDnnProduct(api, one);
        OneDnnProduct second = new OneDnnProduct(api, two);
        OneDnnProduct third = new OneDnnProduct(api, three)) {
      for (int variant = 0; variant < 3 * 2 * 2 * 3; variant++) {
        Trial trial = new Trial(arena, m, n, k, variant);
        float[] got = trial.run(first);
        trial.check(got);
        assertArrayEquals(got, trial.run(second), trial + " on 2 threads");
        assertArrayEquals(got, trial.run(third), trial + " on 3 threads");
      }
    }
  }

  /** One product of one kind, with what it must be. */
  private static final class Trial {
    private final int m;
    private final int n;
    private final int k;
    private final boolean transposedA;
    private final boolean transposedB;
    private final boolean accumulate;
    private final boolean biased;
    private final DType type;
    private final DType outType;
    private final int leading;
    private final MemorySegment a;
    private final MemorySegment b;
    private final MemorySegment bias;
    private final MemorySegment out;
    private final float[] before;
    private final double[] exact;
    private final double[] magnitude;

    Trial(Arena arena, int m, int n, int k, int variant) {
      this.m = m;
      this.n = n;
      this.k = k;
      transposedA = variant % 3 == 2;
      transposedB = variant % 3 == 1;
      accumulate = variant / 3 % 2 == 1;
      biased = variant / 6 % 2 == 1;
      type = variant / 12 == 0 ? DType.F32 : DType.BF16;
      outType = variant / 12 == 2 ? DType.BF16 : DType.F32;
      leading = n + 3;
      SplittableRandom random = new SplittableRandom(m * 31L + n * 7L + k);
      float[] x = values(random, m * k, type);
      float[] y = values(random, k * n, type);
      float[] z = values(random, n, DType.F32);
      before = values(random, m * leading, outType);
      a = segment(arena, transposedA ? transpose(x, m, k) : x, type);
      b = segment(arena, transposedB ? transpose(y, k, n) : y, type);
      bias = segment(arena, z, DType.F32);
      out = arena.allocate((long) m * leading * outType.bytes(), 64);
      exact = new double[m * n];
      magnitude = new double[m * n];
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
          double sum = (biased ? z[j] : 0) + (accumulate ? before[i * leading + j] : 0);
          double sizes = Math.abs(sum) + 1e-30;
          for (int p = 0; p < k; p++) {
            double term = (double) x[i * k + p] * y[p * n + j];
            sum += term;
            sizes += Math.abs(term);
          }
          exact[i * n + j] = sum;
          magnitude[i * n + j] = sizes;
        }
      }
    }

    float[] run(OneDnnProduct product) {
      for (int i = 0; i < before.length; i++) {
        boolean inside = i % leading < n;
        put(out, i, inside && !accumulate ? POISON : before[i], outType);
      }
      product.multiply(
          type,
          a,
          transposedA ? m : k,
          transposedA,
          b,
          transposedB ? k : n,
          transposedB,
          m,
          n,
          k,
          outType,
          out,
          leading,
          accumulate,
          biased ? bias : null);
      float[] got = new float[before.length];
      for (int i = 0; i < got.length; i++) {
        got[i] = get(out, i, outType);
      }
      return got;
    }

    void check(float[] got) {
      for (int i = 0; i < got.length; i++) {
        int column = i % leading;
        if (column >= n) {
          assertEquals(before[i], got[i], this + ": beside the output, element " + i);
          continue;
        }
        int at = i / leading * n + column;
        double rounding = outType == DType.BF16 ? BF16_ROUNDOFF * Math.abs(exact[at]) : 0;
        double allowed = (k + 3) * F32_ROUNDOFF * magnitude[at] * (1 + BF16_ROUNDOFF) + rounding;
        assertEquals(exact[at], got[i], allowed, this + ", element " + i);
      }
    }

    @Override
    public String toString() {
      return "%dx%dx%d %s%s %s->%s%s%s"
          .formatted(
              m,
              n,
              k,
              transposedA ? "T" : "N",
              transposedB ? "T" : "N",
              type,
              outType,
              accumulate ? " accumulated" : "",
              biased ? " biased" : "");
    }
  }

  /** What is made per shape is bounded, and nothing is left behind in the library. */
  @Test
  void manyShapesAndManyOpeningsLeakNothing() throws IOException {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2)) {
      MemorySegment memory = arena.allocate(64L * 2000 * Float.BYTES, 64);
      long settled = 0;
      for (int round = 0; round < 6; round++) {
        for (int opening = 0; opening < 5; opening++) {
          try (OneDnnProduct product = new OneDnnProduct(api, pool)) {
            for (int rows = 1; rows <= OneDnnProduct.MOST_PLANS + 20; rows++) {
              small(product, memory, rows);
            }
            assertEquals(OneDnnProduct.MOST_PLANS, product.planCount());
          }
        }
        // The library itself remembers its last 1024 primitives: full after the first rounds.
        if (round == 2) {
          settled = residentBytes();
        }
      }
      long grown = residentBytes() - settled;
      assertTrue(grown < 24 << 20, "grew by " + grown + " bytes");
    }
  }

  private static void small(OneDnnProduct product, MemorySegment memory, int rows) {
    product.multiply(
        DType.F32,
        memory,
        16,
        false,
        memory.asSlice(40_000),
        16,
        false,
        rows,
        16,
        16,
        DType.F32,
        memory.asSlice(80_000),
        16,
        false,
        null);
  }

  private static long residentBytes() throws IOException {
    String pages = Files.readString(Path.of("/proc/self/statm")).split(" ")[1];
    return Long.parseLong(pages) * 4096;
  }

  @Test
  void preparedProductsAllocateNothing() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(1);
        OneDnnProduct product = new OneDnnProduct(api, pool)) {
      MemorySegment a = arena.allocate(400L * 64 * Float.BYTES, 64);
      MemorySegment b = arena.allocate(64L * 500 * Float.BYTES, 64);
      MemorySegment out = arena.allocate(400L * 500 * Float.BYTES, 64);
      // Until the optimizing compiler has taken the calls over, each may box what it passes.
      long bytes = Long.MAX_VALUE;
      for (int attempt = 0; attempt < 100 && bytes > 1000; attempt++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 5000; i++) {
          two(product, a, b, out);
        }
        bytes = threads.getCurrentThreadAllocatedBytes() - before;
      }
      assertTrue(bytes <= 1000, bytes + " bytes in 10,000 products");
    }
  }

  private static void two(
      OneDnnProduct product, MemorySegment a, MemorySegment b, MemorySegment out) {
    product.multiply(DType.F32, a, 8, false, b, 8, false, 8, 8, 8, DType.F32, out, 8, false, null);
    product.multiply(DType.F32, a, 4, false, b, 9, false, 5, 9, 4, DType.F32, out, 9, true, null);
  }

  @Test
  void errorsNameTheCallAndTheCode() {
    OneDnnException e = new OneDnnException("dnnl_matmul_primitive_desc_create", 3);
    assertEquals("dnnl_matmul_primitive_desc_create", e.call());
    assertEquals("dnnl_unimplemented", e.code());
    assertTrue(e.getMessage().contains("--cpu-matmul vector"), e.getMessage());
    OneDnnException real = assertThrows(OneDnnException.class, () -> api.describe(99, 2, 2, 2, 1));
    assertEquals("dnnl_invalid_arguments", real.code());
  }

  private static float[] values(SplittableRandom random, int count, DType type) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      float value = (float) random.nextDouble(-1, 1);
      // Cut off to what bfloat16 holds.
      values[i] =
          type == DType.BF16
              ? Float.intBitsToFloat(Float.floatToRawIntBits(value) & 0xFFFF0000)
              : value;
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

  private static MemorySegment segment(Arena arena, float[] values, DType type) {
    MemorySegment segment = arena.allocate((long) values.length * type.bytes(), 64);
    for (int i = 0; i < values.length; i++) {
      put(segment, i, values[i], type);
    }
    return segment;
  }

  private static void put(MemorySegment segment, int index, float value, DType type) {
    if (type == DType.BF16) {
      short bits = (short) (Float.floatToRawIntBits(value) >>> 16);
      segment.setAtIndex(ValueLayout.JAVA_SHORT, index, bits);
    } else {
      segment.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
    }
  }

  private static float get(MemorySegment segment, int index, DType type) {
    return type == DType.BF16
        ? Float.intBitsToFloat(segment.getAtIndex(ValueLayout.JAVA_SHORT, index) << 16)
        : segment.getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }
}
