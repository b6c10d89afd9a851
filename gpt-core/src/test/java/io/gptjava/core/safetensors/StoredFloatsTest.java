package io.gptjava.core.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StoredFloatsTest {
  private static float throughType(StoredType type, float value) {
    MemorySegment stored = MemorySegment.ofArray(new byte[type.bytes()]);
    StoredFloats.write(type, MemorySegment.ofArray(new float[] {value}), stored, 1);
    float[] back = new float[1];
    StoredFloats.read(type, stored, MemorySegment.ofArray(back), 1);
    return back[0];
  }

  @Test
  void bfloat16IsTheNearestOfItsNeighboursAndEvenInTheMiddle() {
    Random random = new Random(1);
    for (int i = 0; i < 20_000; i++) {
      int bits = random.nextInt();
      bits = i % 3 == 0 ? bits & 0xFFFF0000 | 0x8000 : bits; // the middle of two
      float value = Float.intBitsToFloat(bits);
      int lower = bits & 0xFFFF0000;
      int upper = lower + 0x10000;
      if (!Float.isFinite(value) || !Float.isFinite(Float.intBitsToFloat(upper))) {
        continue;
      }
      BigDecimal exact = new BigDecimal(value);
      BigDecimal below = exact.subtract(new BigDecimal(Float.intBitsToFloat(lower))).abs();
      BigDecimal above = exact.subtract(new BigDecimal(Float.intBitsToFloat(upper))).abs();
      int order = below.compareTo(above);
      boolean down = order < 0 || order == 0 && (lower & 0x10000) == 0;
      assertEquals(
          down ? lower : upper,
          Float.floatToRawIntBits(throughType(StoredType.BF16, value)),
          Float.toHexString(value));
    }
  }

  @Test
  void whatIsNotFiniteStaysSo() {
    for (StoredType type : new StoredType[] {StoredType.F32, StoredType.F16, StoredType.BF16}) {
      assertTrue(Float.isNaN(throughType(type, Float.intBitsToFloat(0x7F800001))));
      assertEquals(Float.NEGATIVE_INFINITY, throughType(type, Float.NEGATIVE_INFINITY));
      assertEquals(0x80000000, Float.floatToRawIntBits(throughType(type, -0f)));
    }
    assertEquals(Float.POSITIVE_INFINITY, throughType(StoredType.BF16, Float.MAX_VALUE));
  }

  @Test
  void doublesAreRoundedAndIntegersRefused() {
    // 0.1: 3FB999999999999A, lowest byte first.
    byte[] tenth = {(byte) 0x9A, -103, -103, -103, -103, -103, (byte) 0xB9, 0x3F};
    float[] back = new float[1];
    StoredFloats.read(StoredType.F64, MemorySegment.ofArray(tenth), MemorySegment.ofArray(back), 1);
    assertArrayEquals(new float[] {0.1f}, back);
    assertThrows(
        IllegalArgumentException.class,
        () -> StoredFloats.read(StoredType.I32, MemorySegment.NULL, MemorySegment.NULL, 0));
    assertThrows(
        IllegalArgumentException.class,
        () -> StoredFloats.write(StoredType.F64, MemorySegment.NULL, MemorySegment.NULL, 0));
  }
}
