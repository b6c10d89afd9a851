package io.gptjava.cpu;

import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Checks the operands of an op and hands out their memory. */
final class Operands {
  private Operands() {}

  /** The elements of an F32 tensor of this many rows and columns. */
  static MemorySegment floats(String name, Tensor tensor, long rows, long columns) {
    return matrix(name, tensor, DType.F32, rows, columns);
  }

  /** The elements of an F32 tensor of this count, whatever its shape. */
  static MemorySegment floats(String name, Tensor tensor, long count) {
    return vector(name, tensor, DType.F32, count);
  }

  /** The elements of an I32 tensor of this count, whatever its shape. */
  static MemorySegment ints(String name, Tensor tensor, long count) {
    return vector(name, tensor, DType.I32, count);
  }

  /** The type of an activation or weight: F32 or BF16. */
  static DType type(String name, Tensor tensor) {
    require(tensor.dtype() == DType.F32 || tensor.dtype() == DType.BF16, name, tensor);
    return tensor.dtype();
  }

  /** Throws unless the condition holds. */
  static void require(boolean condition, String name, Tensor tensor) {
    if (!condition) {
      throw new IllegalArgumentException(name + " cannot be " + tensor);
    }
  }

  /**
   * The memory of a tensor. Vectors go through it without a check of their own ({@link
   * Vectors#address}), so it is made sure here that it is there.
   *
   * @throws IllegalStateException if it has been freed
   */
  static MemorySegment memory(String name, Tensor tensor) {
    MemorySegment segment = tensor.segment();
    require(segment.isNative(), name, tensor);
    if (!segment.scope().isAlive()) {
      throw new IllegalStateException(name + " has been freed: " + tensor);
    }
    return segment;
  }

  /** The elements of a tensor of this type and of this many rows and columns. */
  static MemorySegment matrix(String name, Tensor tensor, DType dtype, long rows, long columns) {
    if (tensor.dtype() != dtype
        || tensor.count() != rows * columns
        || tensor.rank() == 0
        || tensor.size(-1) != columns) {
      throw mismatch(name, tensor, dtype, rows, columns);
    }
    return memory(name, tensor);
  }

  /** The elements of a tensor of this type and count, whatever its shape. */
  static MemorySegment vector(String name, Tensor tensor, DType dtype, long count) {
    if (tensor.dtype() != dtype || tensor.count() != count) {
      throw mismatch(name, tensor, dtype, count);
    }
    return memory(name, tensor);
  }

  private static IllegalArgumentException mismatch(
      String name, Tensor tensor, DType dtype, long... shape) {
    return new IllegalArgumentException(
        "%s is %s, expected %s%s".formatted(name, tensor, dtype, Arrays.toString(shape)));
  }
}
