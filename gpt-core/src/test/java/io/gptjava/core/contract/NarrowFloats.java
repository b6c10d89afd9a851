package io.gptjava.core.contract;

import io.gptjava.core.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Floats in the bytes of a float dtype and back, rounding to nearest even. */
public final class NarrowFloats {
  private NarrowFloats() {}

  /** The nearest values that a dtype holds. */
  public static float[] round(float[] values, DType type) {
    return type == DType.F32 ? values : decode(encode(values, type), type);
  }

  /** The bytes of a tensor with these values. */
  public static byte[] encode(float[] values, DType type) {
    byte[] bytes = new byte[values.length * type.bytes()];
    MemorySegment to = MemorySegment.ofArray(bytes);
    for (int i = 0; i < values.length; i++) {
      switch (type) {
        case F32 -> to.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i, values[i]);
        case BF16 -> to.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i, bfloat16(values[i]));
        case F16 ->
            to.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i, Float.floatToFloat16(values[i]));
        default -> throw new IllegalArgumentException(type + " is not compared");
      }
    }
    return bytes;
  }

  /** The values of a tensor of these bytes. */
  public static float[] decode(byte[] bytes, DType type) {
    MemorySegment from = MemorySegment.ofArray(bytes);
    float[] values = new float[bytes.length / type.bytes()];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (type) {
            case F32 -> from.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
            case BF16 ->
                Float.intBitsToFloat(
                    from.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i) << Short.SIZE);
            case F16 -> Float.float16ToFloat(from.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i));
            default -> throw new IllegalArgumentException(type + " is not compared");
          };
    }
    return values;
  }

  /** The upper half, rounded to nearest even; NaN stays NaN. */
  private static short bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int rounded = Float.isNaN(value) ? bits | 1 << 22 : bits + 0x7FFF + (bits >>> 16 & 1);
    return (short) (rounded >>> 16);
  }
}
