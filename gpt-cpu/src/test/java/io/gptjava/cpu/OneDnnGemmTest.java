package io.gptjava.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.core.DType;
import io.gptjava.cpu.onednn.OneDnn;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Both ways to multiply agree, for each epilogue at awkward sizes, to rounding. */
final class OneDnnGemmTest {
  private static final float UNIT_ROUNDOFF = 0x1p-24f;

  @ParameterizedTest
  @CsvSource({"5, 1, 1", "9, 70, 300", "50, 131, 170", "7, 65, 257", "33, 402, 19", "390, 5, 100"})
  void agreesWithTheOtherRoute(int m, int n, int k) {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        MatrixProduct vector = new Gemm(pool);
        RowScratch scratch = new RowScratch(pool);
        MatrixProduct oneDnn = new OneDnnGemm(pool, scratch, OneDnn.api())) {
      SplittableRandom random = new SplittableRandom(m + n + k);
      GemmOperand a = new GemmOperand(segment(arena, random, m * k), k, false);
      GemmOperand aT = new GemmOperand(segment(arena, random, m * k), m, true);
      GemmOperand b = new GemmOperand(segment(arena, random, k * n), n, false);
      GemmOperand bT = new GemmOperand(segment(arena, random, k * n), k, true);
      MemorySegment bias = segment(arena, random, n);
      MemorySegment x = segment(arena, random, m * n);
      for (GemmEpilogue epilogue : GemmEpilogue.values()) {
        boolean biased = epilogue == GemmEpilogue.BIAS || epilogue == GemmEpilogue.BIAS_GELU;
        MemorySegment with = biased ? bias : null;
        for (boolean accumulate : new boolean[] {false, true}) {
          if (accumulate && epilogue != GemmEpilogue.STORE) {
            continue; // no op does both
          }
          for (GemmOperand left : new GemmOperand[] {a, aT}) {
            for (GemmOperand right : new GemmOperand[] {b, bT}) {
              MemorySegment[][] results = new MemorySegment[2][];
              for (int route = 0; route < 2; route++) {
                MemorySegment out = copy(arena, x);
                MemorySegment pre = copy(arena, x);
                MemorySegment sums = copy(arena, bias);
                (route == 0 ? vector : oneDnn)
                    .multiply(
                        left,
                        right,
                        m,
                        n,
                        k,
                        DType.F32,
                        out,
                        n,
                        accumulate,
                        epilogue,
                        with,
                        epilogue.ordinal() >= GemmEpilogue.BIAS_GELU.ordinal() ? pre : null,
                        right.transposed() ? null : sums);
                results[route] = new MemorySegment[] {out, pre, sums};
              }
              for (int i = 0; i < 3; i++) {
                close(results[0][i], results[1][i], 2 * (k + 4) * UNIT_ROUNDOFF * (k + 2));
              }
            }
          }
        }
      }
      // No pre-activation wanted.
      MemorySegment kept = copy(arena, x);
      MemorySegment dropped = copy(arena, x);
      oneDnn.multiply(
          a,
          b,
          m,
          n,
          k,
          DType.F32,
          kept,
          n,
          false,
          GemmEpilogue.BIAS_GELU,
          bias,
          copy(arena, x),
          null);
      oneDnn.multiply(
          a, b, m, n, k, DType.F32, dropped, n, false, GemmEpilogue.BIAS_GELU, bias, null, null);
      assertEquals(-1, kept.mismatch(dropped));
    }
  }

  private static void close(MemorySegment expected, MemorySegment got, double allowed) {
    for (long i = 0; i < expected.byteSize() / Float.BYTES; i++) {
      assertEquals(
          expected.getAtIndex(ValueLayout.JAVA_FLOAT, i),
          got.getAtIndex(ValueLayout.JAVA_FLOAT, i),
          allowed,
          "element " + i);
    }
  }

  private static MemorySegment copy(Arena arena, MemorySegment from) {
    return arena.allocate(from.byteSize(), 64).copyFrom(from);
  }

  private static MemorySegment segment(Arena arena, SplittableRandom random, int count) {
    MemorySegment segment = arena.allocate((long) count * Float.BYTES, 64);
    for (int i = 0; i < count; i++) {
      segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextDouble(-1, 1));
    }
    return segment;
  }
}
