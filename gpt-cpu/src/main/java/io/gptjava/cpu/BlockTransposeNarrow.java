package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Transposes 8×8 blocks of floats in the registers of AVX2: three rounds that exchange halves,
 * pairs and neighbours between rows. Such a round moves each lane by the same distance, so that one
 * permutation and one blend make a row.
 */
final class BlockTransposeNarrow {
  /** Rows and columns of a block. */
  static final int SIZE = 8;

  private static final VectorSpecies<Float> S = FloatVector.SPECIES_256;

  private static final VectorShuffle<Float> BY_4 = VectorShuffle.fromOp(S, i -> i ^ 4);
  private static final VectorShuffle<Float> BY_2 = VectorShuffle.fromOp(S, i -> i ^ 2);
  private static final VectorShuffle<Float> BY_1 = VectorShuffle.fromOp(S, i -> i ^ 1);
  private static final VectorMask<Float> UPPER_4 = VectorMask.fromLong(S, 0xF0);
  private static final VectorMask<Float> UPPER_2 = VectorMask.fromLong(S, 0xCC);
  private static final VectorMask<Float> UPPER_1 = VectorMask.fromLong(S, 0xAA);

  private BlockTransposeNarrow() {}

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
    FloatVector t;
    t = r0.blend(r4.rearrange(BY_4), UPPER_4);
    r4 = r0.rearrange(BY_4).blend(r4, UPPER_4);
    r0 = t;
    t = r1.blend(r5.rearrange(BY_4), UPPER_4);
    r5 = r1.rearrange(BY_4).blend(r5, UPPER_4);
    r1 = t;
    t = r2.blend(r6.rearrange(BY_4), UPPER_4);
    r6 = r2.rearrange(BY_4).blend(r6, UPPER_4);
    r2 = t;
    t = r3.blend(r7.rearrange(BY_4), UPPER_4);
    r7 = r3.rearrange(BY_4).blend(r7, UPPER_4);
    r3 = t;
    t = r0.blend(r2.rearrange(BY_2), UPPER_2);
    r2 = r0.rearrange(BY_2).blend(r2, UPPER_2);
    r0 = t;
    t = r1.blend(r3.rearrange(BY_2), UPPER_2);
    r3 = r1.rearrange(BY_2).blend(r3, UPPER_2);
    r1 = t;
    t = r4.blend(r6.rearrange(BY_2), UPPER_2);
    r6 = r4.rearrange(BY_2).blend(r6, UPPER_2);
    r4 = t;
    t = r5.blend(r7.rearrange(BY_2), UPPER_2);
    r7 = r5.rearrange(BY_2).blend(r7, UPPER_2);
    r5 = t;
    t = r0.blend(r1.rearrange(BY_1), UPPER_1);
    r1 = r0.rearrange(BY_1).blend(r1, UPPER_1);
    r0 = t;
    t = r2.blend(r3.rearrange(BY_1), UPPER_1);
    r3 = r2.rearrange(BY_1).blend(r3, UPPER_1);
    r2 = t;
    t = r4.blend(r5.rearrange(BY_1), UPPER_1);
    r5 = r4.rearrange(BY_1).blend(r5, UPPER_1);
    r4 = t;
    t = r6.blend(r7.rearrange(BY_1), UPPER_1);
    r7 = r6.rearrange(BY_1).blend(r7, UPPER_1);
    r6 = t;
    r0.intoArray(out, at);
    r1.intoArray(out, at + stride);
    r2.intoArray(out, at + 2 * stride);
    r3.intoArray(out, at + 3 * stride);
    r4.intoArray(out, at + 4 * stride);
    r5.intoArray(out, at + 5 * stride);
    r6.intoArray(out, at + 6 * stride);
    r7.intoArray(out, at + 7 * stride);
  }
}
