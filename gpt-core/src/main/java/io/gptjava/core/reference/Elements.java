package io.gptjava.core.reference;

import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The elements of a host tensor by linear index: floats as float64, which holds every fp32 exactly;
 * stores round to nearest even.
 */
final class Elements {
  private final MemorySegment segment;
  private final long count;

  private Elements(MemorySegment segment, long count) {
    this.segment = segment;
    this.count = count;
  }

  /** The elements of an F32 tensor of the given shape; dimensions may be grouped otherwise. */
  static Elements floats(String name, Tensor tensor, long... shape) {
    return check(name, tensor, DType.F32, shape);
  }

  /** The elements of an I32 tensor of the given shape. */
  static Elements ints(String name, Tensor tensor, long... shape) {
    return check(name, tensor, DType.I32, shape);
  }

  private static Elements check(String name, Tensor tensor, DType dtype, long... shape) {
    long count = 1;
    for (long dimension : shape) {
      count = Math.multiplyExact(count, dimension);
    }
    boolean columns = shape.length < 2 || tensor.size(-1) == shape[shape.length - 1];
    if (tensor.dtype() != dtype || tensor.count() != count || !columns) {
      throw new IllegalArgumentException(
          "%s is %s, expected %s%s".formatted(name, tensor, dtype, Arrays.toString(shape)));
    }
    return new Elements(tensor.segment(), count);
  }

  double get(long index) {
    return segment.getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }

  /** All floats at once, for loops over products. */
  double[] toArray() {
    double[] values = new double[Math.toIntExact(count)];
    for (int i = 0; i < values.length; i++) {
      values[i] = get(i);
    }
    return values;
  }

  int getInt(long index) {
    return segment.getAtIndex(ValueLayout.JAVA_INT, index);
  }

  void set(long index, double value) {
    segment.setAtIndex(ValueLayout.JAVA_FLOAT, index, (float) value);
  }

  /** Stores the value, or adds it to what is there. */
  void put(long index, double value, boolean accumulate) {
    set(index, accumulate ? get(index) + value : value);
  }
}
