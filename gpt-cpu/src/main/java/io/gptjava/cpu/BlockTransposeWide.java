package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Transposes 16×16 blocks of floats in the registers of AVX-512: four rounds that exchange halves,
 * quarters, pairs and neighbours between rows.
 */
final class BlockTransposeWide {
  /** Rows and columns of a block. */
  static final int SIZE = 16;

  private static final VectorSpecies<Float> S = FloatVector.SPECIES_512;

  private static final FloatVector LOWER_8 = lower(8);
  private static final FloatVector UPPER_8 = upper(8);
  private static final FloatVector LOWER_4 = lower(4);
  private static final FloatVector UPPER_4 = upper(4);
  private static final FloatVector LOWER_2 = lower(2);
  private static final FloatVector UPPER_2 = upper(2);
  private static final FloatVector LOWER_1 = lower(1);
  private static final FloatVector UPPER_1 = upper(1);

  private BlockTransposeWide() {}

  /** Of rows i and i + step: the lanes without the bit of i, those of the second row moved up. */
  private static FloatVector lower(int step) {
    float[] lanes = new float[SIZE];
    for (int i = 0; i < SIZE; i++) {
      lanes[i] = (i & step) == 0 ? i : SIZE + i - step;
    }
    return FloatVector.fromArray(S, lanes, 0);
  }

  /** The other lanes, those of the first row moved down. */
  private static FloatVector upper(int step) {
    float[] lanes = new float[SIZE];
    for (int i = 0; i < SIZE; i++) {
      lanes[i] = (i & step) == 0 ? i + step : SIZE + i;
    }
    return FloatVector.fromArray(S, lanes, 0);
  }

  /** See {@link BlockTranspose#run}. */
  static void run(
      MemorySegment matrix, long offset, long rowBytes, float[] out, int at, int stride) {
    FloatVector r0 = Vectors.load(matrix, offset);
    FloatVector r1 = Vectors.load(matrix, offset + rowBytes);
    FloatVector r2 = Vectors.load(matrix, offset + 2 * rowBytes);
    FloatVector r3 = Vectors.load(matrix, offset + 3 * rowBytes);
    FloatVector r4 = Vectors.load(matrix, offset + 4 * rowBytes);
    FloatVector r5 = Vectors.load(matrix, offset + 5 * rowBytes);
    FloatVector r6 = Vectors.load(matrix, offset + 6 * rowBytes);
    FloatVector r7 = Vectors.load(matrix, offset + 7 * rowBytes);
    FloatVector r8 = Vectors.load(matrix, offset + 8 * rowBytes);
    FloatVector r9 = Vectors.load(matrix, offset + 9 * rowBytes);
    FloatVector r10 = Vectors.load(matrix, offset + 10 * rowBytes);
    FloatVector r11 = Vectors.load(matrix, offset + 11 * rowBytes);
    FloatVector r12 = Vectors.load(matrix, offset + 12 * rowBytes);
    FloatVector r13 = Vectors.load(matrix, offset + 13 * rowBytes);
    FloatVector r14 = Vectors.load(matrix, offset + 14 * rowBytes);
    FloatVector r15 = Vectors.load(matrix, offset + 15 * rowBytes);
    FloatVector t;
    t = LOWER_8.selectFrom(r0, r8);
    r8 = UPPER_8.selectFrom(r0, r8);
    r0 = t;
    t = LOWER_8.selectFrom(r1, r9);
    r9 = UPPER_8.selectFrom(r1, r9);
    r1 = t;
    t = LOWER_8.selectFrom(r2, r10);
    r10 = UPPER_8.selectFrom(r2, r10);
    r2 = t;
    t = LOWER_8.selectFrom(r3, r11);
    r11 = UPPER_8.selectFrom(r3, r11);
    r3 = t;
    t = LOWER_8.selectFrom(r4, r12);
    r12 = UPPER_8.selectFrom(r4, r12);
    r4 = t;
    t = LOWER_8.selectFrom(r5, r13);
    r13 = UPPER_8.selectFrom(r5, r13);
    r5 = t;
    t = LOWER_8.selectFrom(r6, r14);
    r14 = UPPER_8.selectFrom(r6, r14);
    r6 = t;
    t = LOWER_8.selectFrom(r7, r15);
    r15 = UPPER_8.selectFrom(r7, r15);
    r7 = t;
    t = LOWER_4.selectFrom(r0, r4);
    r4 = UPPER_4.selectFrom(r0, r4);
    r0 = t;
    t = LOWER_4.selectFrom(r1, r5);
    r5 = UPPER_4.selectFrom(r1, r5);
    r1 = t;
    t = LOWER_4.selectFrom(r2, r6);
    r6 = UPPER_4.selectFrom(r2, r6);
    r2 = t;
    t = LOWER_4.selectFrom(r3, r7);
    r7 = UPPER_4.selectFrom(r3, r7);
    r3 = t;
    t = LOWER_4.selectFrom(r8, r12);
    r12 = UPPER_4.selectFrom(r8, r12);
    r8 = t;
    t = LOWER_4.selectFrom(r9, r13);
    r13 = UPPER_4.selectFrom(r9, r13);
    r9 = t;
    t = LOWER_4.selectFrom(r10, r14);
    r14 = UPPER_4.selectFrom(r10, r14);
    r10 = t;
    t = LOWER_4.selectFrom(r11, r15);
    r15 = UPPER_4.selectFrom(r11, r15);
    r11 = t;
    t = LOWER_2.selectFrom(r0, r2);
    r2 = UPPER_2.selectFrom(r0, r2);
    r0 = t;
    t = LOWER_2.selectFrom(r1, r3);
    r3 = UPPER_2.selectFrom(r1, r3);
    r1 = t;
    t = LOWER_2.selectFrom(r4, r6);
    r6 = UPPER_2.selectFrom(r4, r6);
    r4 = t;
    t = LOWER_2.selectFrom(r5, r7);
    r7 = UPPER_2.selectFrom(r5, r7);
    r5 = t;
    t = LOWER_2.selectFrom(r8, r10);
    r10 = UPPER_2.selectFrom(r8, r10);
    r8 = t;
    t = LOWER_2.selectFrom(r9, r11);
    r11 = UPPER_2.selectFrom(r9, r11);
    r9 = t;
    t = LOWER_2.selectFrom(r12, r14);
    r14 = UPPER_2.selectFrom(r12, r14);
    r12 = t;
    t = LOWER_2.selectFrom(r13, r15);
    r15 = UPPER_2.selectFrom(r13, r15);
    r13 = t;
    t = LOWER_1.selectFrom(r0, r1);
    r1 = UPPER_1.selectFrom(r0, r1);
    r0 = t;
    t = LOWER_1.selectFrom(r2, r3);
    r3 = UPPER_1.selectFrom(r2, r3);
    r2 = t;
    t = LOWER_1.selectFrom(r4, r5);
    r5 = UPPER_1.selectFrom(r4, r5);
    r4 = t;
    t = LOWER_1.selectFrom(r6, r7);
    r7 = UPPER_1.selectFrom(r6, r7);
    r6 = t;
    t = LOWER_1.selectFrom(r8, r9);
    r9 = UPPER_1.selectFrom(r8, r9);
    r8 = t;
    t = LOWER_1.selectFrom(r10, r11);
    r11 = UPPER_1.selectFrom(r10, r11);
    r10 = t;
    t = LOWER_1.selectFrom(r12, r13);
    r13 = UPPER_1.selectFrom(r12, r13);
    r12 = t;
    t = LOWER_1.selectFrom(r14, r15);
    r15 = UPPER_1.selectFrom(r14, r15);
    r14 = t;
    r0.intoArray(out, at);
    r1.intoArray(out, at + stride);
    r2.intoArray(out, at + 2 * stride);
    r3.intoArray(out, at + 3 * stride);
    r4.intoArray(out, at + 4 * stride);
    r5.intoArray(out, at + 5 * stride);
    r6.intoArray(out, at + 6 * stride);
    r7.intoArray(out, at + 7 * stride);
    r8.intoArray(out, at + 8 * stride);
    r9.intoArray(out, at + 9 * stride);
    r10.intoArray(out, at + 10 * stride);
    r11.intoArray(out, at + 11 * stride);
    r12.intoArray(out, at + 12 * stride);
    r13.intoArray(out, at + 13 * stride);
    r14.intoArray(out, at + 14 * stride);
    r15.intoArray(out, at + 15 * stride);
  }
}
