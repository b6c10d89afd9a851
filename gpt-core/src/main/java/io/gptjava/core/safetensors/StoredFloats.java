package io.gptjava.core.safetensors;

import io.gptjava.core.BFloat16;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Floating-point numbers between fp32 in memory and the types that files hold. Files are
 * little-endian and not necessarily aligned; memory has the machine's byte order.
 */
public final class StoredFloats {
  private static final ValueLayout.OfFloat MEMORY = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private StoredFloats() {}

  /** Whether {@link #read} knows a type: F32, F16, BF16 and F64. */
  public static boolean canRead(StoredType type) {
    return switch (type) {
      case F32, F16, BF16, F64 -> true;
      default -> false;
    };
  }

  /**
   * Converts numbers of a file to fp32; exact, but for F64, which rounds.
   *
   * @param source {@code count} numbers of the type
   * @param target {@code count} fp32
   */
  public static void read(StoredType type, MemorySegment source, MemorySegment target, long count) {
    switch (type) {
      case F32 -> MemorySegment.copy(source, FLOAT, 0, target, MEMORY, 0, count);
      case BF16 -> {
        for (long i = 0; i < count; i++) {
          target.set(MEMORY, 4 * i, BFloat16.widen(source.get(SHORT, 2 * i)));
        }
      }
      case F16 -> {
        for (long i = 0; i < count; i++) {
          target.set(MEMORY, 4 * i, Float.float16ToFloat(source.get(SHORT, 2 * i)));
        }
      }
      case F64 -> {
        for (long i = 0; i < count; i++) {
          target.set(MEMORY, 4 * i, (float) source.get(DOUBLE, 8 * i));
        }
      }
      default -> throw new IllegalArgumentException(type + " is not read as fp32");
    }
  }

  /**
   * Converts fp32 to what a file holds, rounding to nearest, ties to even.
   *
   * @param type F32, F16 or BF16
   * @param source {@code count} fp32
   * @param target {@code count} numbers of the type
   */
  public static void write(
      StoredType type, MemorySegment source, MemorySegment target, long count) {
    switch (type) {
      case F32 -> MemorySegment.copy(source, MEMORY, 0, target, FLOAT, 0, count);
      case BF16 -> {
        for (long i = 0; i < count; i++) {
          target.set(SHORT, 2 * i, BFloat16.round(source.get(MEMORY, 4 * i)));
        }
      }
      case F16 -> {
        for (long i = 0; i < count; i++) {
          target.set(SHORT, 2 * i, Float.floatToFloat16(source.get(MEMORY, 4 * i)));
        }
      }
      default -> throw new IllegalArgumentException(type + " is not written from fp32");
    }
  }
}
