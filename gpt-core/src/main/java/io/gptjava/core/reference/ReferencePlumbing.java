package io.gptjava.core.reference;

import io.gptjava.core.BFloat16;
import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Conversions, fills and copies. */
final class ReferencePlumbing {
  private ReferencePlumbing() {}

  static void cast(Tensor from, Tensor to) {
    if (from.count() != to.count()) {
      throw new IllegalArgumentException("cast of %s to %s".formatted(from, to));
    }
    MemorySegment source = from.segment();
    MemorySegment target = to.segment();
    for (long i = 0; i < from.count(); i++) {
      store(target, to.dtype(), i, load(source, from.dtype(), i));
    }
  }

  static void fill(Tensor tensor, float value) {
    MemorySegment target = tensor.segment();
    for (long i = 0; i < tensor.count(); i++) {
      store(target, tensor.dtype(), i, value);
    }
  }

  static void copy(Tensor from, Tensor to) {
    if (from.dtype() != to.dtype() || from.count() != to.count()) {
      throw new IllegalArgumentException("copy of %s to %s".formatted(from, to));
    }
    MemorySegment.copy(from.segment(), 0, to.segment(), 0, from.byteSize());
  }

  private static float load(MemorySegment segment, DType dtype, long i) {
    return switch (dtype) {
      case F32 -> segment.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      case BF16 -> BFloat16.widen(segment.getAtIndex(ValueLayout.JAVA_SHORT, i));
      case F16 -> Float.float16ToFloat(segment.getAtIndex(ValueLayout.JAVA_SHORT, i));
      default -> throw notFloat(dtype);
    };
  }

  private static void store(MemorySegment segment, DType dtype, long i, float value) {
    switch (dtype) {
      case F32 -> segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
      case BF16 -> segment.setAtIndex(ValueLayout.JAVA_SHORT, i, BFloat16.round(value));
      case F16 -> segment.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(value));
      default -> throw notFloat(dtype);
    }
  }

  private static IllegalArgumentException notFloat(DType dtype) {
    return new IllegalArgumentException(dtype + " is not a float type");
  }
}
