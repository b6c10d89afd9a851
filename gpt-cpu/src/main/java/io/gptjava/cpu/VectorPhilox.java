package io.gptjava.cpu;

import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;

/**
 * {@link io.gptjava.core.Philox} on vectors: the same bits, many blocks at a time. One object per
 * worker, because it owns scratch.
 *
 * <p>Each counter word travels in the upper half of a 64-bit lane, its lower half being whatever
 * the arithmetic left there. Then one shift to the right feeds a multiplication whose operands are
 * visibly 32 bits wide (a single instruction on x86), whose high word is already in place, and
 * whose low word is one shift to the left away.
 */
final class VectorPhilox {
  private static final int LANES = Vectors.L.length();
  private static final int ROUNDS = 10;
  private static final long M0 = 0xD2511F53L;
  private static final long M1 = 0xCD9E8D57L;
  private static final int W0 = 0x9E3779B9;
  private static final int W1 = 0xBB67AE85;
  private static final LongVector IOTA = LongVector.zero(Vectors.L).addIndex(1);
  private static final LongVector FIRST_HALF = IOTA.lanewise(VectorOperators.LSHR, 1);

  /** Blocks drawn at a time: two chains of dependent rounds side by side. */
  static final int BATCH = 2 * LANES;

  /** Round keys, each repeated over the lanes of a vector, in upper halves. */
  private final long[] keys = new long[2 * ROUNDS * LANES];

  /** Output words 0 … 3 of the first chain, then of the second, in upper halves. */
  private final long[] words = new long[8 * LANES];

  private long seed;
  private long step;
  private long use;
  private boolean keyed;

  /** Chooses the stream: key and upper counter words. */
  void stream(long newSeed, int newStep, int purpose, int site) {
    step = (long) newStep << 32;
    use = (long) (purpose << 24 | site) << 32;
    if (keyed && seed == newSeed) {
      return;
    }
    seed = newSeed;
    keyed = true;
    int k0 = (int) newSeed;
    int k1 = (int) (newSeed >>> 32);
    for (int round = 0; round < ROUNDS; round++) {
      for (int lane = 0; lane < LANES; lane++) {
        keys[2 * round * LANES + lane] = (long) k0 << 32;
        keys[(2 * round + 1) * LANES + lane] = (long) k1 << 32;
      }
      k0 += W0;
      k1 += W1;
    }
  }

  /**
   * Blocks in order: block {@code first + k} becomes the longs {@code out[at + 2k]} (words 0 and 1,
   * low half first) and {@code out[at + 2k + 1]} (words 2 and 3), which is 16-bit lanes 0 … 7 in
   * memory order.
   *
   * @param count number of blocks, a multiple of {@link #BATCH}
   */
  void linear(long first, int count, long[] out, int at) {
    for (int k = 0; k < count; k += BATCH) {
      rounds(first + k, 0, LANES);
      for (int chain = 0; chain < 2; chain++) {
        interleave(4 * LANES * chain, out, at + 2 * (k + LANES * chain));
      }
    }
  }

  /**
   * Blocks by words: word {@code w} of block {@code first + k} becomes the 32-bit half {@code k %
   * 2} (low half first) of {@code out[at + w · count / 2 + k / 2]}.
   *
   * @param count number of blocks, a multiple of {@link #BATCH}
   */
  void planes(long first, int count, long[] out, int at) {
    for (int k = 0; k < count; k += BATCH) {
      rounds(first + k, 1, 1);
      for (int w = 0; w < 4; w++) {
        merge(w * LANES, (4 + w) * LANES).intoArray(out, at + w * (count / 2) + k / 2);
      }
    }
  }

  /**
   * The ten rounds for blocks {@code first + (lane << spread)} and, in the second chain, {@code
   * distance} further; left in the words. Takes no vectors, which would be boxed where the call is
   * not inlined.
   */
  private void rounds(long first, int spread, long distance) {
    LongVector index = IOTA.lanewise(VectorOperators.LSHL, spread).add(first);
    LongVector m0 = LongVector.broadcast(Vectors.L, M0 << 32).lanewise(VectorOperators.LSHR, 32);
    LongVector m1 = LongVector.broadcast(Vectors.L, M1 << 32).lanewise(VectorOperators.LSHR, 32);
    LongVector other = index.add(distance);
    LongVector a0 = index.lanewise(VectorOperators.LSHL, 32);
    LongVector a1 = index;
    LongVector a2 = LongVector.broadcast(Vectors.L, step);
    LongVector a3 = LongVector.broadcast(Vectors.L, use);
    LongVector b0 = other.lanewise(VectorOperators.LSHL, 32);
    LongVector b1 = other;
    LongVector b2 = a2;
    LongVector b3 = a3;
    for (int key = 0; key < 2 * ROUNDS * LANES; key += 2 * LANES) {
      LongVector k0 = LongVector.fromArray(Vectors.L, keys, key);
      LongVector k1 = LongVector.fromArray(Vectors.L, keys, key + LANES);
      LongVector p0 = a0.lanewise(VectorOperators.LSHR, 32).mul(m0);
      LongVector p1 = a2.lanewise(VectorOperators.LSHR, 32).mul(m1);
      LongVector q0 = b0.lanewise(VectorOperators.LSHR, 32).mul(m0);
      LongVector q1 = b2.lanewise(VectorOperators.LSHR, 32).mul(m1);
      a0 = p1.lanewise(VectorOperators.XOR, a1).lanewise(VectorOperators.XOR, k0);
      a2 = p0.lanewise(VectorOperators.XOR, a3).lanewise(VectorOperators.XOR, k1);
      b0 = q1.lanewise(VectorOperators.XOR, b1).lanewise(VectorOperators.XOR, k0);
      b2 = q0.lanewise(VectorOperators.XOR, b3).lanewise(VectorOperators.XOR, k1);
      a1 = p1.lanewise(VectorOperators.LSHL, 32);
      a3 = p0.lanewise(VectorOperators.LSHL, 32);
      b1 = q1.lanewise(VectorOperators.LSHL, 32);
      b3 = q0.lanewise(VectorOperators.LSHL, 32);
    }
    a0.intoArray(words, 0);
    a1.intoArray(words, LANES);
    a2.intoArray(words, 2 * LANES);
    a3.intoArray(words, 3 * LANES);
    b0.intoArray(words, 4 * LANES);
    b1.intoArray(words, 5 * LANES);
    b2.intoArray(words, 6 * LANES);
    b3.intoArray(words, 7 * LANES);
  }

  /** Longs whose low half is one saved word and whose high half is another. */
  private LongVector merge(int low, int high) {
    return LongVector.fromArray(Vectors.L, words, low)
        .lanewise(VectorOperators.LSHR, 32)
        .or(LongVector.fromArray(Vectors.L, words, high).and(0xFFFFFFFF00000000L));
  }

  /** Writes the four words of each block of one chain side by side. */
  private void interleave(int chain, long[] out, int at) {
    LongVector even = merge(chain, chain + LANES);
    LongVector odd = merge(chain + 2 * LANES, chain + 3 * LANES);
    var lower = FIRST_HALF.toShuffle();
    var upper = FIRST_HALF.add(LANES / 2).toShuffle();
    var odds = IOTA.and(1).compare(VectorOperators.NE, 0);
    even.rearrange(lower).blend(odd.rearrange(lower), odds).intoArray(out, at);
    even.rearrange(upper).blend(odd.rearrange(upper), odds).intoArray(out, at + LANES);
  }
}
