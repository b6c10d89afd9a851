package io.gptjava.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.core.BFloat16;
import io.gptjava.core.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Outputs wider than the buffer, which are computed some columns at a time. */
class HalfGemmTest {
  /** Half of bf16's spacing, relative. */
  private static final double ROUNDING = 0x1p-8;

  @ParameterizedTest
  @CsvSource({"5, 300, 40, false", "5, 300, 40, true", "33, 1000, 7, true", "33, 1000, 7, false"})
  void columnsInTurnMakeTheWhole(int m, int n, int k, boolean transposedB) {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        RowScratch scratch = new RowScratch(pool);
        HalfGemm product = new HalfGemm(pool, scratch, new Gemm(pool), 128 * m)) {
      SplittableRandom random = new SplittableRandom(n);
      MemorySegment a = halves(arena, random, m * k);
      MemorySegment b = halves(arena, random, k * n);
      MemorySegment bias = halves(arena, random, n);
      MemorySegment out = arena.allocate(2L * m * n, 64);
      GemmOperand left = new GemmOperand(a, DType.BF16, k, false);
      GemmOperand right = new GemmOperand(b, DType.BF16, transposedB ? k : n, transposedB);
      product.multiply(
          left, right, m, n, k, DType.BF16, out, n, false, GemmEpilogue.BIAS, bias, null, null);
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
          double sum = at(bias, j);
          for (int p = 0; p < k; p++) {
            sum += at(a, i * k + p) * at(b, transposedB ? j * k + p : p * n + j);
          }
          assertEquals(sum, at(out, i * n + j), ROUNDING * Math.abs(sum) + 1e-5, i + ", " + j);
        }
      }
    }
  }

  private static double at(MemorySegment halves, int index) {
    return BFloat16.widen(halves.getAtIndex(ValueLayout.JAVA_SHORT, index));
  }

  private static MemorySegment halves(Arena arena, SplittableRandom random, int count) {
    MemorySegment segment = arena.allocate((long) count * HalfVectors.BYTES, 64);
    for (int i = 0; i < count; i++) {
      short half = BFloat16.round((float) random.nextDouble(-1, 1));
      segment.setAtIndex(ValueLayout.JAVA_SHORT, i, half);
    }
    return segment;
  }
}
