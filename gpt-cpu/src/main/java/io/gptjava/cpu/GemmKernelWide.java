package io.gptjava.cpu;

import jdk.incubator.vector.FloatVector;

/**
 * Matrix product of one block, 6 rows by 4 vectors: 24 accumulators, 4 vectors of B and a broadcast
 * of A fit the 32 registers of AVX-512. Few loads and little index arithmetic per multiply-add:
 * what limits the taller blocks is the four instructions a cycle.
 */
final class GemmKernelWide {
  /** Rows of the output block. */
  static final int ROWS = 6;

  /** Vectors in a row of the output block. */
  static final int VECTORS = 4;

  private static final int L = Vectors.F.length();

  private GemmKernelWide() {}

  /**
   * See {@link GemmKernel#run}. Loop and stores share one method: a vector that is passed to a
   * method which the compiler does not inline becomes an object in every turn of the loop.
   */
  static void run(float[] data, int a, int b, int depth, int c, int stride, boolean add) {
    FloatVector c00 = FloatVector.zero(Vectors.F);
    FloatVector c01 = FloatVector.zero(Vectors.F);
    FloatVector c02 = FloatVector.zero(Vectors.F);
    FloatVector c03 = FloatVector.zero(Vectors.F);
    FloatVector c10 = FloatVector.zero(Vectors.F);
    FloatVector c11 = FloatVector.zero(Vectors.F);
    FloatVector c12 = FloatVector.zero(Vectors.F);
    FloatVector c13 = FloatVector.zero(Vectors.F);
    FloatVector c20 = FloatVector.zero(Vectors.F);
    FloatVector c21 = FloatVector.zero(Vectors.F);
    FloatVector c22 = FloatVector.zero(Vectors.F);
    FloatVector c23 = FloatVector.zero(Vectors.F);
    FloatVector c30 = FloatVector.zero(Vectors.F);
    FloatVector c31 = FloatVector.zero(Vectors.F);
    FloatVector c32 = FloatVector.zero(Vectors.F);
    FloatVector c33 = FloatVector.zero(Vectors.F);
    FloatVector c40 = FloatVector.zero(Vectors.F);
    FloatVector c41 = FloatVector.zero(Vectors.F);
    FloatVector c42 = FloatVector.zero(Vectors.F);
    FloatVector c43 = FloatVector.zero(Vectors.F);
    FloatVector c50 = FloatVector.zero(Vectors.F);
    FloatVector c51 = FloatVector.zero(Vectors.F);
    FloatVector c52 = FloatVector.zero(Vectors.F);
    FloatVector c53 = FloatVector.zero(Vectors.F);
    for (int p = 0; p < depth; p++) {
      int ap = a + p * ROWS;
      int bp = b + p * (VECTORS * L);
      FloatVector b0 = FloatVector.fromArray(Vectors.F, data, bp);
      FloatVector b1 = FloatVector.fromArray(Vectors.F, data, bp + L);
      FloatVector b2 = FloatVector.fromArray(Vectors.F, data, bp + 2 * L);
      FloatVector b3 = FloatVector.fromArray(Vectors.F, data, bp + 3 * L);
      FloatVector a0 = FloatVector.broadcast(Vectors.F, data[ap]);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      c02 = a0.fma(b2, c02);
      c03 = a0.fma(b3, c03);
      FloatVector a1 = FloatVector.broadcast(Vectors.F, data[ap + 1]);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      c12 = a1.fma(b2, c12);
      c13 = a1.fma(b3, c13);
      FloatVector a2 = FloatVector.broadcast(Vectors.F, data[ap + 2]);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      c22 = a2.fma(b2, c22);
      c23 = a2.fma(b3, c23);
      FloatVector a3 = FloatVector.broadcast(Vectors.F, data[ap + 3]);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      c32 = a3.fma(b2, c32);
      c33 = a3.fma(b3, c33);
      FloatVector a4 = FloatVector.broadcast(Vectors.F, data[ap + 4]);
      c40 = a4.fma(b0, c40);
      c41 = a4.fma(b1, c41);
      c42 = a4.fma(b2, c42);
      c43 = a4.fma(b3, c43);
      FloatVector a5 = FloatVector.broadcast(Vectors.F, data[ap + 5]);
      c50 = a5.fma(b0, c50);
      c51 = a5.fma(b1, c51);
      c52 = a5.fma(b2, c52);
      c53 = a5.fma(b3, c53);
    }
    if (add) {
      c00 = c00.add(FloatVector.fromArray(Vectors.F, data, c));
      c01 = c01.add(FloatVector.fromArray(Vectors.F, data, c + L));
      c02 = c02.add(FloatVector.fromArray(Vectors.F, data, c + 2 * L));
      c03 = c03.add(FloatVector.fromArray(Vectors.F, data, c + 3 * L));
      c10 = c10.add(FloatVector.fromArray(Vectors.F, data, c + stride));
      c11 = c11.add(FloatVector.fromArray(Vectors.F, data, c + stride + L));
      c12 = c12.add(FloatVector.fromArray(Vectors.F, data, c + stride + 2 * L));
      c13 = c13.add(FloatVector.fromArray(Vectors.F, data, c + stride + 3 * L));
      c20 = c20.add(FloatVector.fromArray(Vectors.F, data, c + 2 * stride));
      c21 = c21.add(FloatVector.fromArray(Vectors.F, data, c + 2 * stride + L));
      c22 = c22.add(FloatVector.fromArray(Vectors.F, data, c + 2 * stride + 2 * L));
      c23 = c23.add(FloatVector.fromArray(Vectors.F, data, c + 2 * stride + 3 * L));
      c30 = c30.add(FloatVector.fromArray(Vectors.F, data, c + 3 * stride));
      c31 = c31.add(FloatVector.fromArray(Vectors.F, data, c + 3 * stride + L));
      c32 = c32.add(FloatVector.fromArray(Vectors.F, data, c + 3 * stride + 2 * L));
      c33 = c33.add(FloatVector.fromArray(Vectors.F, data, c + 3 * stride + 3 * L));
      c40 = c40.add(FloatVector.fromArray(Vectors.F, data, c + 4 * stride));
      c41 = c41.add(FloatVector.fromArray(Vectors.F, data, c + 4 * stride + L));
      c42 = c42.add(FloatVector.fromArray(Vectors.F, data, c + 4 * stride + 2 * L));
      c43 = c43.add(FloatVector.fromArray(Vectors.F, data, c + 4 * stride + 3 * L));
      c50 = c50.add(FloatVector.fromArray(Vectors.F, data, c + 5 * stride));
      c51 = c51.add(FloatVector.fromArray(Vectors.F, data, c + 5 * stride + L));
      c52 = c52.add(FloatVector.fromArray(Vectors.F, data, c + 5 * stride + 2 * L));
      c53 = c53.add(FloatVector.fromArray(Vectors.F, data, c + 5 * stride + 3 * L));
    }
    c00.intoArray(data, c);
    c01.intoArray(data, c + L);
    c02.intoArray(data, c + 2 * L);
    c03.intoArray(data, c + 3 * L);
    c10.intoArray(data, c + stride);
    c11.intoArray(data, c + stride + L);
    c12.intoArray(data, c + stride + 2 * L);
    c13.intoArray(data, c + stride + 3 * L);
    c20.intoArray(data, c + 2 * stride);
    c21.intoArray(data, c + 2 * stride + L);
    c22.intoArray(data, c + 2 * stride + 2 * L);
    c23.intoArray(data, c + 2 * stride + 3 * L);
    c30.intoArray(data, c + 3 * stride);
    c31.intoArray(data, c + 3 * stride + L);
    c32.intoArray(data, c + 3 * stride + 2 * L);
    c33.intoArray(data, c + 3 * stride + 3 * L);
    c40.intoArray(data, c + 4 * stride);
    c41.intoArray(data, c + 4 * stride + L);
    c42.intoArray(data, c + 4 * stride + 2 * L);
    c43.intoArray(data, c + 4 * stride + 3 * L);
    c50.intoArray(data, c + 5 * stride);
    c51.intoArray(data, c + 5 * stride + L);
    c52.intoArray(data, c + 5 * stride + 2 * L);
    c53.intoArray(data, c + 5 * stride + 3 * L);
  }
}
