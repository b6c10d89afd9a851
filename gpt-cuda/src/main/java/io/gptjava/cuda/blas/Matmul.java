package io.gptjava.cuda.blas;

import io.gptjava.core.DType;

/**
 * Shape of a matrix product {@code out = epilogue(op(A) · op(B))}, all matrices row-major. op(A) is
 * (rows, inner), op(B) is (inner, columns), out is (rows, columns).
 *
 * @param rows of out
 * @param columns of out
 * @param inner length of the sums
 * @param transposeA whether A is stored as (inner, rows)
 * @param transposeB whether B is stored as (columns, inner)
 * @param strideA elements from one stored row of A to the next
 * @param strideB elements from one stored row of B to the next
 * @param strideOut elements from one row of out to the next; with an epilogue, its columns
 * @param inputType of A, B: F32, BF16 or F16
 * @param outputType of out and the bias, and of the auxiliary matrix: F32, or the type of 16-bit
 *     inputs
 * @param accumulate whether the product is added to out, and the bias gradient to the bias; only
 *     with {@link Epilogue#NONE} and {@link Epilogue#BIAS_GRADIENT}
 * @param epilogue what happens to the product
 */
public record Matmul(
    int rows,
    int columns,
    int inner,
    boolean transposeA,
    boolean transposeB,
    int strideA,
    int strideB,
    int strideOut,
    DType inputType,
    DType outputType,
    boolean accumulate,
    Epilogue epilogue) {

  /** Validates. */
  public Matmul {
    boolean types =
        inputType == DType.F32 && outputType == DType.F32
            || (inputType == DType.BF16 || inputType == DType.F16)
                && (outputType == DType.F32 || outputType == inputType);
    if (rows < 1 || columns < 1 || inner < 1 || !types) {
      throw new IllegalArgumentException(
          "no product of (%d, %d) and (%d, %d), %s to %s"
              .formatted(rows, inner, inner, columns, inputType, outputType));
    }
    if (accumulate && epilogue != Epilogue.NONE && epilogue != Epilogue.BIAS_GRADIENT) {
      throw new IllegalArgumentException("cannot accumulate after " + epilogue);
    }
    if (epilogue == Epilogue.BIAS_GRADIENT && outputType != DType.F32) {
      throw new IllegalArgumentException("gradients of weights are F32, not " + outputType);
    }
    if (epilogue != Epilogue.NONE && strideOut != columns
        || epilogue == Epilogue.BIAS_GRADIENT && (transposeB || strideB != columns)) {
      throw new IllegalArgumentException("gaps between rows with epilogue " + epilogue);
    }
  }

  /**
   * A product of matrices without gaps between their rows, not accumulating.
   *
   * @param inputType of A, B
   */
  public static Matmul dense(
      int rows,
      int columns,
      int inner,
      boolean transposeA,
      boolean transposeB,
      DType inputType,
      DType outputType,
      Epilogue epilogue) {
    return new Matmul(
        rows,
        columns,
        inner,
        transposeA,
        transposeB,
        transposeA ? rows : inner,
        transposeB ? inner : columns,
        columns,
        inputType,
        outputType,
        false,
        epilogue);
  }

  /** The same product, added to out or not. */
  public Matmul accumulating(boolean add) {
    return new Matmul(
        rows,
        columns,
        inner,
        transposeA,
        transposeB,
        strideA,
        strideB,
        strideOut,
        inputType,
        outputType,
        add,
        epilogue);
  }

  /** The same product with another epilogue. */
  public Matmul with(Epilogue other) {
    return new Matmul(
        rows,
        columns,
        inner,
        transposeA,
        transposeB,
        strideA,
        strideB,
        strideOut,
        inputType,
        outputType,
        accumulate,
        other);
  }

  /** The same product of matrices with gaps between their rows. */
  public Matmul strided(int a, int b, int out) {
    return new Matmul(
        rows,
        columns,
        inner,
        transposeA,
        transposeB,
        a,
        b,
        out,
        inputType,
        outputType,
        accumulate,
        epilogue);
  }
}
