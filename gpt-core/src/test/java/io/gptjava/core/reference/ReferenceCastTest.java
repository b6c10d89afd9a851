package io.gptjava.core.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Roundings that can be written down by hand. */
final class ReferenceCastTest {
  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void close() {
    backend.close();
  }

  private int cast(DType dtype, float value) {
    Tensor from = Tensor.of(backend.allocate("test", 4), 0, DType.F32, 1);
    Tensor to = Tensor.of(backend.allocate("test", 2), 0, dtype, 1);
    from.segment().set(ValueLayout.JAVA_FLOAT, 0, value);
    backend.ops().cast(from, to);
    return to.segment().get(ValueLayout.JAVA_SHORT, 0) & 0xFFFF;
  }

  /** bfloat16 has 7 explicit bits: 1 + 2⁻⁸ lies halfway between 1 and the next, 1 + 2⁻⁷. */
  @ParameterizedTest
  @CsvSource({
    "0x1p0, 3F80",
    "-0x1p0, BF80",
    "0x1.01p0, 3F80",
    "0x1.010002p0, 3F81",
    "0x1.03p0, 3F82",
    "0x1.fep127, 7F7F",
    "0x1.ffp127, 7F80",
    "0x1p-133, 0001",
    "Infinity, 7F80",
    "-Infinity, FF80"
  })
  void bfloat16(float value, String bits) {
    assertEquals(Integer.parseInt(bits, 16), cast(DType.BF16, value));
  }

  /** binary16 has 10 explicit bits, and its largest value is 65504. */
  @ParameterizedTest
  @CsvSource({
    "0x1p0, 3C00",
    "0x1.002p0, 3C00",
    "0x1.002002p0, 3C01",
    "0x1.006p0, 3C02",
    "65504, 7BFF",
    "65519, 7BFF",
    "65520, 7C00",
    "0x1p-24, 0001",
    "0x1p-25, 0000",
    "-Infinity, FC00"
  })
  void binary16(float value, String bits) {
    assertEquals(Integer.parseInt(bits, 16), cast(DType.F16, value));
  }

  @Test
  void nanStaysNan() {
    float tiny = Float.intBitsToFloat(0x7F80_0001); // its upper half alone would be an infinity
    assertTrue((cast(DType.BF16, tiny) & 0x7FFF) > 0x7F80);
    assertTrue((cast(DType.F16, tiny) & 0x7FFF) > 0x7C00);
  }

  @Test
  void refusesWhatIsNotAFloat() {
    assertThrows(IllegalArgumentException.class, () -> cast(DType.U8, 1));
  }
}
