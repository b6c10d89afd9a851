package io.gptjava.core;

/**
 * Which 16-bit lane of which Philox block decides about which element. Eight lanes a block: lane
 * {@code l} is the low (even {@code l}) or high (odd) half of word {@code l / 2}.
 *
 * <p><b>Rows</b> (embedding, residual): the element at column {@code c} of global row {@code r} of
 * a width-{@code C} activation has the linear index {@code e = r·C + c}; block {@code e / 8}, lane
 * {@code e % 8}. The global row of position {@code t} of sample {@code b} is {@code (firstSample +
 * b)·T + t}.
 *
 * <p><b>Attention</b> scores are drawn by 16×16 tiles, one block for the eight values that one lane
 * of a tensor-core {@code m16n8} accumulator pair holds: rows r and r+8, columns 2c, 2c+1 of both
 * 8-column halves, with r in 0…7 and c in 0…3.
 */
public final class DropoutLayout {
  private DropoutLayout() {}

  /** Block of the linear element index {@code e}. */
  public static long rowBlock(long e) {
    return e >>> 3;
  }

  /** Lane of the linear element index {@code e}. */
  public static int rowLane(long e) {
    return (int) (e & 7);
  }

  /** Number of 16-wide tiles along a sequence of {@code T} positions. */
  public static int tiles(int sequence) {
    return (sequence + 15) >>> 4;
  }

  /**
   * Block of the score of query {@code i} and key {@code j}.
   *
   * @param head {@code globalSample · NH + h}
   * @param sequence T, the length of the training window
   */
  public static long attentionBlock(long head, int sequence, int i, int j) {
    long tiles = tiles(sequence);
    long tile = (head * tiles + (i >>> 4)) * tiles + (j >>> 4);
    return tile * 32 + ((i & 7) << 2) + ((j & 7) >>> 1);
  }

  /** Lane of the score of query {@code i} and key {@code j} in its block. */
  public static int attentionLane(int i, int j) {
    return ((j >>> 3 & 1) << 2) + ((i >>> 3 & 1) << 1) + (j & 1);
  }

  /** Extracts an unsigned 16-bit lane (0…7) of the block at {@code words[at]}. */
  public static int lane(int[] words, int at, int lane) {
    return words[at + (lane >>> 1)] >>> ((lane & 1) << 4) & 0xFFFF;
  }
}
