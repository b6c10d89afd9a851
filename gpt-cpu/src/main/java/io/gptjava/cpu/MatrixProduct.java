package io.gptjava.cpu;

import io.gptjava.core.DType;
import java.lang.foreign.MemorySegment;

/**
 * A way to compute the matrix products of the ops; one product at a time. Both factors have one
 * type; sums are F32 whatever it is.
 */
interface MatrixProduct extends AutoCloseable {
  /**
   * {@code out = epilogue(A · B)}, or {@code out += A · B}.
   *
   * @param a (m, k)
   * @param b (k, n)
   * @param m rows
   * @param n columns
   * @param k terms, at least 1
   * @param outType of the output: F32, or the factors'
   * @param out (m, n) with {@code leading} elements from row to row
   * @param accumulate add to what {@code out}, of F32, holds
   * @param biasOrNull (n) of the factors' type
   * @param preActivationOrNull (m, n) laid out as {@code out}, of the factors' type
   * @param columnSumsOrNull (n) F32; receives the sums of B's columns, or they are added with
   *     {@code accumulate}; B is not transposed then
   */
  void multiply(
      GemmOperand a,
      GemmOperand b,
      int m,
      int n,
      int k,
      DType outType,
      MemorySegment out,
      long leading,
      boolean accumulate,
      GemmEpilogue epilogue,
      MemorySegment biasOrNull,
      MemorySegment preActivationOrNull,
      MemorySegment columnSumsOrNull);

  /** Gives back what is not the collector's. */
  @Override
  void close();
}
