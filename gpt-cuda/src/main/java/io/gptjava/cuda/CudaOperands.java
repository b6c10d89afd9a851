package io.gptjava.cuda;

import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import java.util.Arrays;

/**
 * Checks the operands of an op before their addresses reach a kernel. In shapes, leading dimensions
 * count as rows: (B, T, C) is a matrix of B·T rows.
 */
final class CudaOperands {
  private CudaOperands() {}

  /** The dtype of a tensor that kernels take as activations or weights: F32, BF16 or F16. */
  static DType floatType(String name, Tensor tensor) {
    if (tensor.dtype() != DType.F32
        && tensor.dtype() != DType.BF16
        && tensor.dtype() != DType.F16) {
      throw new IllegalArgumentException(name + " is " + tensor + ", expected F32, BF16 or F16");
    }
    return tensor.dtype();
  }

  /** {@link #floatType(String, Tensor)} of a matrix of this shape. */
  static DType floatType(String name, Tensor tensor, long rows, long columns) {
    DType dtype = floatType(name, tensor);
    matrix(name, tensor, dtype, rows, columns);
    return dtype;
  }

  /** Checks a matrix of this dtype and shape. */
  static void matrix(String name, Tensor tensor, DType dtype, long rows, long columns) {
    if (tensor.dtype() != dtype
        || tensor.rank() == 0
        || tensor.size(-1) != columns
        || tensor.count() != rows * columns) {
      throw mismatch(name, tensor, dtype, rows, columns);
    }
  }

  /** {@link #matrix} unless the tensor is null. */
  static void matrixOrNull(String name, Tensor tensorOrNull, DType dtype, long rows, long columns) {
    if (tensorOrNull != null) {
      matrix(name, tensorOrNull, dtype, rows, columns);
    }
  }

  /** Checks a tensor of this dtype and count, whatever its shape. */
  static void vector(String name, Tensor tensor, DType dtype, long count) {
    if (tensor.dtype() != dtype || tensor.count() != count) {
      throw mismatch(name, tensor, dtype, count);
    }
  }

  /** {@link #vector} unless the tensor is null. */
  static void vectorOrNull(String name, Tensor tensorOrNull, DType dtype, long count) {
    if (tensorOrNull != null) {
      vector(name, tensorOrNull, dtype, count);
    }
  }

  /** Checks an F32 matrix: a weight gradient. */
  static void f32(String name, Tensor tensor, long rows, long columns) {
    matrix(name, tensor, DType.F32, rows, columns);
  }

  /** Checks an F32 vector: a statistic, a bias gradient. */
  static void f32(String name, Tensor tensor, long count) {
    vector(name, tensor, DType.F32, count);
  }

  /** Checks an I32 vector: token ids, indices. */
  static void i32(String name, Tensor tensor, long count) {
    vector(name, tensor, DType.I32, count);
  }

  /** Checks scratch: at least so many bytes. */
  static void workspace(Tensor workspace, long bytes) {
    if (workspace.byteSize() < bytes) {
      throw new IllegalArgumentException(
          "workspace of %d bytes, expected %d".formatted(workspace.byteSize(), bytes));
    }
  }

  /** Throws unless the condition holds. */
  static void require(boolean condition, String name, Tensor tensor) {
    if (!condition) {
      throw new IllegalArgumentException(name + " cannot be " + tensor);
    }
  }

  /** Ending of the names of a dtype's kernels: {@code _f32}, {@code _bf16} or {@code _f16}. */
  static String suffix(DType dtype) {
    return switch (dtype) {
      case F32 -> "_f32";
      case BF16 -> "_bf16";
      case F16 -> "_f16";
      default -> throw new IllegalArgumentException("no kernels for " + dtype);
    };
  }

  private static IllegalArgumentException mismatch(
      String name, Tensor tensor, DType dtype, long... shape) {
    return new IllegalArgumentException(
        "%s is %s, expected %s%s".formatted(name, tensor, dtype, Arrays.toString(shape)));
  }
}
