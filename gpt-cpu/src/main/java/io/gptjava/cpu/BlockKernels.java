package io.gptjava.cpu;

import jdk.incubator.vector.FloatVector;

/**
 * The inner loops of {@link BlockProduct}: a few rows by two vectors of the result stay in
 * registers while the depth runs. The transposed kernels read the left block by columns and add.
 */
final class BlockKernels {
  private static final int SIZE = BlockProduct.SIZE;
  private static final int STEP = Vectors.F.length();

  private BlockKernels() {}

  static void wide(
      float[] a, int atA, float[] b, int atB, float[] c, int atC, int depth, boolean accumulate) {
    FloatVector c00 = FloatVector.zero(Vectors.F);
    FloatVector c01 = c00;
    FloatVector c10 = c00;
    FloatVector c11 = c00;
    FloatVector c20 = c00;
    FloatVector c21 = c00;
    FloatVector c30 = c00;
    FloatVector c31 = c00;
    FloatVector c40 = c00;
    FloatVector c41 = c00;
    FloatVector c50 = c00;
    FloatVector c51 = c00;
    FloatVector c60 = c00;
    FloatVector c61 = c00;
    FloatVector c70 = c00;
    FloatVector c71 = c00;
    if (accumulate) {
      c00 = load(c, atC + 0 * SIZE + 0 * STEP);
      c01 = load(c, atC + 0 * SIZE + 1 * STEP);
      c10 = load(c, atC + 1 * SIZE + 0 * STEP);
      c11 = load(c, atC + 1 * SIZE + 1 * STEP);
      c20 = load(c, atC + 2 * SIZE + 0 * STEP);
      c21 = load(c, atC + 2 * SIZE + 1 * STEP);
      c30 = load(c, atC + 3 * SIZE + 0 * STEP);
      c31 = load(c, atC + 3 * SIZE + 1 * STEP);
      c40 = load(c, atC + 4 * SIZE + 0 * STEP);
      c41 = load(c, atC + 4 * SIZE + 1 * STEP);
      c50 = load(c, atC + 5 * SIZE + 0 * STEP);
      c51 = load(c, atC + 5 * SIZE + 1 * STEP);
      c60 = load(c, atC + 6 * SIZE + 0 * STEP);
      c61 = load(c, atC + 6 * SIZE + 1 * STEP);
      c70 = load(c, atC + 7 * SIZE + 0 * STEP);
      c71 = load(c, atC + 7 * SIZE + 1 * STEP);
    }
    for (int k = 0; k < depth; k++) {
      FloatVector b0 = load(b, atB + k * SIZE);
      FloatVector b1 = load(b, atB + k * SIZE + STEP);
      FloatVector a0 = FloatVector.broadcast(Vectors.F, a[atA + 0 * SIZE + k]);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.broadcast(Vectors.F, a[atA + 1 * SIZE + k]);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.broadcast(Vectors.F, a[atA + 2 * SIZE + k]);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.broadcast(Vectors.F, a[atA + 3 * SIZE + k]);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      FloatVector a4 = FloatVector.broadcast(Vectors.F, a[atA + 4 * SIZE + k]);
      c40 = a4.fma(b0, c40);
      c41 = a4.fma(b1, c41);
      FloatVector a5 = FloatVector.broadcast(Vectors.F, a[atA + 5 * SIZE + k]);
      c50 = a5.fma(b0, c50);
      c51 = a5.fma(b1, c51);
      FloatVector a6 = FloatVector.broadcast(Vectors.F, a[atA + 6 * SIZE + k]);
      c60 = a6.fma(b0, c60);
      c61 = a6.fma(b1, c61);
      FloatVector a7 = FloatVector.broadcast(Vectors.F, a[atA + 7 * SIZE + k]);
      c70 = a7.fma(b0, c70);
      c71 = a7.fma(b1, c71);
    }
    c00.intoArray(c, atC + 0 * SIZE + 0 * STEP);
    c01.intoArray(c, atC + 0 * SIZE + 1 * STEP);
    c10.intoArray(c, atC + 1 * SIZE + 0 * STEP);
    c11.intoArray(c, atC + 1 * SIZE + 1 * STEP);
    c20.intoArray(c, atC + 2 * SIZE + 0 * STEP);
    c21.intoArray(c, atC + 2 * SIZE + 1 * STEP);
    c30.intoArray(c, atC + 3 * SIZE + 0 * STEP);
    c31.intoArray(c, atC + 3 * SIZE + 1 * STEP);
    c40.intoArray(c, atC + 4 * SIZE + 0 * STEP);
    c41.intoArray(c, atC + 4 * SIZE + 1 * STEP);
    c50.intoArray(c, atC + 5 * SIZE + 0 * STEP);
    c51.intoArray(c, atC + 5 * SIZE + 1 * STEP);
    c60.intoArray(c, atC + 6 * SIZE + 0 * STEP);
    c61.intoArray(c, atC + 6 * SIZE + 1 * STEP);
    c70.intoArray(c, atC + 7 * SIZE + 0 * STEP);
    c71.intoArray(c, atC + 7 * SIZE + 1 * STEP);
  }

  static void narrow(
      float[] a, int atA, float[] b, int atB, float[] c, int atC, int depth, boolean accumulate) {
    FloatVector c00 = FloatVector.zero(Vectors.F);
    FloatVector c01 = c00;
    FloatVector c10 = c00;
    FloatVector c11 = c00;
    FloatVector c20 = c00;
    FloatVector c21 = c00;
    FloatVector c30 = c00;
    FloatVector c31 = c00;
    if (accumulate) {
      c00 = load(c, atC + 0 * SIZE + 0 * STEP);
      c01 = load(c, atC + 0 * SIZE + 1 * STEP);
      c10 = load(c, atC + 1 * SIZE + 0 * STEP);
      c11 = load(c, atC + 1 * SIZE + 1 * STEP);
      c20 = load(c, atC + 2 * SIZE + 0 * STEP);
      c21 = load(c, atC + 2 * SIZE + 1 * STEP);
      c30 = load(c, atC + 3 * SIZE + 0 * STEP);
      c31 = load(c, atC + 3 * SIZE + 1 * STEP);
    }
    for (int k = 0; k < depth; k++) {
      FloatVector b0 = load(b, atB + k * SIZE);
      FloatVector b1 = load(b, atB + k * SIZE + STEP);
      FloatVector a0 = FloatVector.broadcast(Vectors.F, a[atA + 0 * SIZE + k]);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.broadcast(Vectors.F, a[atA + 1 * SIZE + k]);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.broadcast(Vectors.F, a[atA + 2 * SIZE + k]);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.broadcast(Vectors.F, a[atA + 3 * SIZE + k]);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
    }
    c00.intoArray(c, atC + 0 * SIZE + 0 * STEP);
    c01.intoArray(c, atC + 0 * SIZE + 1 * STEP);
    c10.intoArray(c, atC + 1 * SIZE + 0 * STEP);
    c11.intoArray(c, atC + 1 * SIZE + 1 * STEP);
    c20.intoArray(c, atC + 2 * SIZE + 0 * STEP);
    c21.intoArray(c, atC + 2 * SIZE + 1 * STEP);
    c30.intoArray(c, atC + 3 * SIZE + 0 * STEP);
    c31.intoArray(c, atC + 3 * SIZE + 1 * STEP);
  }

  static void wideTransposed(
      float[] a, int atA, float[] b, int atB, float[] c, int atC, int depth) {
    FloatVector c00 = load(c, atC + 0 * SIZE + 0 * STEP);
    FloatVector c01 = load(c, atC + 0 * SIZE + 1 * STEP);
    FloatVector c10 = load(c, atC + 1 * SIZE + 0 * STEP);
    FloatVector c11 = load(c, atC + 1 * SIZE + 1 * STEP);
    FloatVector c20 = load(c, atC + 2 * SIZE + 0 * STEP);
    FloatVector c21 = load(c, atC + 2 * SIZE + 1 * STEP);
    FloatVector c30 = load(c, atC + 3 * SIZE + 0 * STEP);
    FloatVector c31 = load(c, atC + 3 * SIZE + 1 * STEP);
    FloatVector c40 = load(c, atC + 4 * SIZE + 0 * STEP);
    FloatVector c41 = load(c, atC + 4 * SIZE + 1 * STEP);
    FloatVector c50 = load(c, atC + 5 * SIZE + 0 * STEP);
    FloatVector c51 = load(c, atC + 5 * SIZE + 1 * STEP);
    FloatVector c60 = load(c, atC + 6 * SIZE + 0 * STEP);
    FloatVector c61 = load(c, atC + 6 * SIZE + 1 * STEP);
    FloatVector c70 = load(c, atC + 7 * SIZE + 0 * STEP);
    FloatVector c71 = load(c, atC + 7 * SIZE + 1 * STEP);
    for (int k = 0; k < depth; k++) {
      FloatVector b0 = load(b, atB + k * SIZE);
      FloatVector b1 = load(b, atB + k * SIZE + STEP);
      FloatVector a0 = FloatVector.broadcast(Vectors.F, a[atA + k * SIZE + 0]);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.broadcast(Vectors.F, a[atA + k * SIZE + 1]);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.broadcast(Vectors.F, a[atA + k * SIZE + 2]);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.broadcast(Vectors.F, a[atA + k * SIZE + 3]);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      FloatVector a4 = FloatVector.broadcast(Vectors.F, a[atA + k * SIZE + 4]);
      c40 = a4.fma(b0, c40);
      c41 = a4.fma(b1, c41);
      FloatVector a5 = FloatVector.broadcast(Vectors.F, a[atA + k * SIZE + 5]);
      c50 = a5.fma(b0, c50);
      c51 = a5.fma(b1, c51);
      FloatVector a6 = FloatVector.broadcast(Vectors.F, a[atA + k * SIZE + 6]);
      c60 = a6.fma(b0, c60);
      c61 = a6.fma(b1, c61);
      FloatVector a7 = FloatVector.broadcast(Vectors.F, a[atA + k * SIZE + 7]);
      c70 = a7.fma(b0, c70);
      c71 = a7.fma(b1, c71);
    }
    c00.intoArray(c, atC + 0 * SIZE + 0 * STEP);
    c01.intoArray(c, atC + 0 * SIZE + 1 * STEP);
    c10.intoArray(c, atC + 1 * SIZE + 0 * STEP);
    c11.intoArray(c, atC + 1 * SIZE + 1 * STEP);
    c20.intoArray(c, atC + 2 * SIZE + 0 * STEP);
    c21.intoArray(c, atC + 2 * SIZE + 1 * STEP);
    c30.intoArray(c, atC + 3 * SIZE + 0 * STEP);
    c31.intoArray(c, atC + 3 * SIZE + 1 * STEP);
    c40.intoArray(c, atC + 4 * SIZE + 0 * STEP);
    c41.intoArray(c, atC + 4 * SIZE + 1 * STEP);
    c50.intoArray(c, atC + 5 * SIZE + 0 * STEP);
    c51.intoArray(c, atC + 5 * SIZE + 1 * STEP);
    c60.intoArray(c, atC + 6 * SIZE + 0 * STEP);
    c61.intoArray(c, atC + 6 * SIZE + 1 * STEP);
    c70.intoArray(c, atC + 7 * SIZE + 0 * STEP);
    c71.intoArray(c, atC + 7 * SIZE + 1 * STEP);
  }

  static void narrowTransposed(
      float[] a, int atA, float[] b, int atB, float[] c, int atC, int depth) {
    FloatVector c00 = load(c, atC + 0 * SIZE + 0 * STEP);
    FloatVector c01 = load(c, atC + 0 * SIZE + 1 * STEP);
    FloatVector c10 = load(c, atC + 1 * SIZE + 0 * STEP);
    FloatVector c11 = load(c, atC + 1 * SIZE + 1 * STEP);
    FloatVector c20 = load(c, atC + 2 * SIZE + 0 * STEP);
    FloatVector c21 = load(c, atC + 2 * SIZE + 1 * STEP);
    FloatVector c30 = load(c, atC + 3 * SIZE + 0 * STEP);
    FloatVector c31 = load(c, atC + 3 * SIZE + 1 * STEP);
    for (int k = 0; k < depth; k++) {
      FloatVector b0 = load(b, atB + k * SIZE);
      FloatVector b1 = load(b, atB + k * SIZE + STEP);
      FloatVector a0 = FloatVector.broadcast(Vectors.F, a[atA + k * SIZE + 0]);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.broadcast(Vectors.F, a[atA + k * SIZE + 1]);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.broadcast(Vectors.F, a[atA + k * SIZE + 2]);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.broadcast(Vectors.F, a[atA + k * SIZE + 3]);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
    }
    c00.intoArray(c, atC + 0 * SIZE + 0 * STEP);
    c01.intoArray(c, atC + 0 * SIZE + 1 * STEP);
    c10.intoArray(c, atC + 1 * SIZE + 0 * STEP);
    c11.intoArray(c, atC + 1 * SIZE + 1 * STEP);
    c20.intoArray(c, atC + 2 * SIZE + 0 * STEP);
    c21.intoArray(c, atC + 2 * SIZE + 1 * STEP);
    c30.intoArray(c, atC + 3 * SIZE + 0 * STEP);
    c31.intoArray(c, atC + 3 * SIZE + 1 * STEP);
  }

  private static FloatVector load(float[] array, int at) {
    return FloatVector.fromArray(Vectors.F, array, at);
  }
}
