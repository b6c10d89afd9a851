package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;

/** A way to compute the matrix products of the ops, in F32; one product at a time. */
interface MatrixProduct extends AutoCloseable {
  /**
   * {@code out = epilogue(A · B)}, or {@code out += A · B}.
   *
   * @param a (m, k)
   * @param b (k, n)
   * @param m rows
   * @param n columns
   * @param k terms, at least 1
   * @param out (m, n) with {@code leading} floats from row to row
   * @param accumulate add to what {@code out} holds
   * @param biasOrNull (n)
   * @param preActivationOrNull (m, n) laid out as {@code out}
   * @param columnSumsOrNull (n) receives the sums of B's columns, or they are added with {@code
   *     accumulate}; B is not transposed then
   */
  void multiply(
      GemmOperand a,
      GemmOperand b,
      int m,
      int n,
      int k,
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
