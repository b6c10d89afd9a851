package io.gptjava.cpu;

import jdk.incubator.vector.FloatVector;

/**
 * Matrix product of one block, 3 rows by 3 vectors, for 16 registers: the compiler loads all
 * operands of a step early, so larger blocks spill an accumulator, which costs more than they save.
 */
final class GemmKernelNarrow {
  /** Rows of the output block. */
  static final int ROWS = 3;

  /** Vectors in a row of the output block. */
  static final int VECTORS = 3;

  private static final int L = Vectors.F.length();

  private GemmKernelNarrow() {}

  /**
   * See {@link GemmKernel#run}. Loop and stores share one method: a vector that is passed to a
   * method which the compiler does not inline becomes an object in every turn of the loop.
   */
  static void run(float[] data, int a, int b, int depth, int c, int stride, boolean add) {
    FloatVector c00 = FloatVector.zero(Vectors.F);
    FloatVector c01 = FloatVector.zero(Vectors.F);
    FloatVector c02 = FloatVector.zero(Vectors.F);
    FloatVector c10 = FloatVector.zero(Vectors.F);
    FloatVector c11 = FloatVector.zero(Vectors.F);
    FloatVector c12 = FloatVector.zero(Vectors.F);
    FloatVector c20 = FloatVector.zero(Vectors.F);
    FloatVector c21 = FloatVector.zero(Vectors.F);
    FloatVector c22 = FloatVector.zero(Vectors.F);
    for (int p = 0; p < depth * L; p += L) {
      int ap = a + p;
      int bp = b + VECTORS * p;
      FloatVector b0 = FloatVector.fromArray(Vectors.F, data, bp);
      FloatVector b1 = FloatVector.fromArray(Vectors.F, data, bp + L);
      FloatVector b2 = FloatVector.fromArray(Vectors.F, data, bp + 2 * L);
      FloatVector a0 = FloatVector.broadcast(Vectors.F, data[ap]);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      c02 = a0.fma(b2, c02);
      FloatVector a1 = FloatVector.broadcast(Vectors.F, data[ap + 1]);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      c12 = a1.fma(b2, c12);
      FloatVector a2 = FloatVector.broadcast(Vectors.F, data[ap + 2]);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      c22 = a2.fma(b2, c22);
    }
    if (add) {
      c00 = c00.add(FloatVector.fromArray(Vectors.F, data, c));
      c01 = c01.add(FloatVector.fromArray(Vectors.F, data, c + L));
      c02 = c02.add(FloatVector.fromArray(Vectors.F, data, c + 2 * L));
      c10 = c10.add(FloatVector.fromArray(Vectors.F, data, c + stride));
      c11 = c11.add(FloatVector.fromArray(Vectors.F, data, c + stride + L));
      c12 = c12.add(FloatVector.fromArray(Vectors.F, data, c + stride + 2 * L));
      c20 = c20.add(FloatVector.fromArray(Vectors.F, data, c + 2 * stride));
      c21 = c21.add(FloatVector.fromArray(Vectors.F, data, c + 2 * stride + L));
      c22 = c22.add(FloatVector.fromArray(Vectors.F, data, c + 2 * stride + 2 * L));
    }
    c00.intoArray(data, c);
    c01.intoArray(data, c + L);
    c02.intoArray(data, c + 2 * L);
    c10.intoArray(data, c + stride);
    c11.intoArray(data, c + stride + L);
    c12.intoArray(data, c + stride + 2 * L);
    c20.intoArray(data, c + 2 * stride);
    c21.intoArray(data, c + 2 * stride + L);
    c22.intoArray(data, c + 2 * stride + 2 * L);
  }
}
