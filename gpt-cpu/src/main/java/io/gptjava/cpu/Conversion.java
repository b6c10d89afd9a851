package io.gptjava.cpu;

import io.gptjava.core.BFloat16;
import io.gptjava.core.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Conversion between float types through small heap arrays, on which the compiler vectorises plain
 * loops. One object per worker.
 */
final class Conversion {
  private static final int BLOCK = 2048;

  private final float[] floats = new float[BLOCK];
  private final short[] halves = new short[BLOCK];

  /** Whether the type is a float type. */
  static boolean supports(DType dtype) {
    return dtype == DType.F32 || dtype == DType.BF16 || dtype == DType.F16;
  }

  /** Converts {@code count} elements from index {@code first} on. */
  void run(
      MemorySegment from, DType source, MemorySegment to, DType target, long first, int count) {
    for (int done = 0; done < count; done += BLOCK) {
      int n = Math.min(BLOCK, count - done);
      load(from, source, first + done, n);
      store(to, target, first + done, n);
    }
  }

  private void load(MemorySegment from, DType source, long index, int n) {
    if (source == DType.F32) {
      MemorySegment.copy(from, ValueLayout.JAVA_FLOAT, index * 4, floats, 0, n);
      return;
    }
    MemorySegment.copy(from, ValueLayout.JAVA_SHORT, index * 2, halves, 0, n);
    if (source == DType.BF16) {
      for (int i = 0; i < n; i++) {
        floats[i] = BFloat16.widen(halves[i]);
      }
    } else {
      for (int i = 0; i < n; i++) {
        floats[i] = Float.float16ToFloat(halves[i]);
      }
    }
  }

  private void store(MemorySegment to, DType target, long index, int n) {
    if (target == DType.F32) {
      MemorySegment.copy(floats, 0, to, ValueLayout.JAVA_FLOAT, index * 4, n);
      return;
    }
    if (target == DType.BF16) {
      for (int i = 0; i < n; i++) {
        halves[i] = BFloat16.round(floats[i]);
      }
    } else {
      for (int i = 0; i < n; i++) {
        halves[i] = Float.floatToFloat16(floats[i]);
      }
    }
    MemorySegment.copy(halves, 0, to, ValueLayout.JAVA_SHORT, index * 2, n);
  }

  /** The 16 bits of a value rounded to nearest even. */
  static short round(float value, DType dtype) {
    return dtype == DType.BF16 ? BFloat16.round(value) : Float.floatToFloat16(value);
  }
}
