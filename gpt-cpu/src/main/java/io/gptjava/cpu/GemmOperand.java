package io.gptjava.cpu;

import io.gptjava.core.BFloat16;
import io.gptjava.core.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A factor of a matrix product.
 *
 * @param data elements
 * @param type of the elements: F32 or BF16
 * @param leading elements from one row to the next, as it lies in memory
 * @param transposed whether the factor is the transpose of what lies in memory
 */
record GemmOperand(MemorySegment data, DType type, long leading, boolean transposed) {
  /** A factor of floats. */
  GemmOperand(MemorySegment data, long leading, boolean transposed) {
    this(data, DType.F32, leading, transposed);
  }

  /** Byte of an element as it lies in memory. */
  long offset(long row, long column) {
    return (row * leading + column) * type.bytes();
  }

  /** An element as it lies in memory. */
  float get(long row, long column) {
    long at = offset(row, column);
    return type == DType.BF16
        ? BFloat16.widen(data.get(ValueLayout.JAVA_SHORT, at))
        : data.get(ValueLayout.JAVA_FLOAT, at);
  }
}
