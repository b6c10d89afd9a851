package io.gptjava.core;

/**
 * The counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers:
 * as easy as 1, 2, 3", SC 2011), the only source of randomness in training.
 *
 * <p>The key is the 64-bit seed. The four counter words are: index (low, high), step, and {@code
 * purpose << 24 | site}. A draw thus depends on where it is used and on nothing else: not on
 * threads, backends, micro-batches or what ran before. {@link #LAYOUT_VERSION} is stored in
 * checkpoints.
 */
public final class Philox {
  /** Version of the assignment of counters and lanes to uses. */
  public static final int LAYOUT_VERSION = 1;

  /** Initial weights; the site is the tensor's place in the parameter layout. */
  public static final int PURPOSE_INIT = 1;

  /** Dropout after the embeddings. */
  public static final int PURPOSE_EMBEDDING_DROPOUT = 2;

  /** Dropout on attention weights; the site is the layer. */
  public static final int PURPOSE_ATTENTION_DROPOUT = 3;

  /** Dropout on a residual branch; the site is 2·layer (attention) or 2·layer + 1 (MLP). */
  public static final int PURPOSE_RESIDUAL_DROPOUT = 4;

  /** The order of training windows; the step word holds the epoch. */
  public static final int PURPOSE_SHUFFLE = 5;

  /** Token sampling in generation. */
  public static final int PURPOSE_SAMPLING = 6;

  /** Stochastic rounding of weights; the step word holds the count of updates. */
  public static final int PURPOSE_STOCHASTIC_ROUNDING = 7;

  private static final int M0 = 0xD2511F53;
  private static final int M1 = 0xCD9E8D57;
  private static final int W0 = 0x9E3779B9;
  private static final int W1 = 0xBB67AE85;
  private static final int ROUNDS = 10;

  private Philox() {}

  /**
   * One block of four 32-bit words.
   *
   * @param out receives the words at {@code out[at] … out[at + 3]}
   */
  public static void block(
      long seed, long index, int step, int purpose, int site, int[] out, int at) {
    raw(
        (int) seed,
        (int) (seed >>> 32),
        (int) index,
        (int) (index >>> 32),
        step,
        purpose << 24 | site,
        out,
        at);
  }

  /** The bare function: two key words, four counter words, four output words. */
  public static void raw(int k0, int k1, int c0, int c1, int c2, int c3, int[] out, int at) {
    for (int round = 0; round < ROUNDS; round++) {
      long p0 = (M0 & 0xFFFFFFFFL) * (c0 & 0xFFFFFFFFL);
      long p1 = (M1 & 0xFFFFFFFFL) * (c2 & 0xFFFFFFFFL);
      c0 = (int) (p1 >>> 32) ^ c1 ^ k0;
      c1 = (int) p1;
      c2 = (int) (p0 >>> 32) ^ c3 ^ k1;
      c3 = (int) p0;
      k0 += W0;
      k1 += W1;
    }
    out[at] = c0;
    out[at + 1] = c1;
    out[at + 2] = c2;
    out[at + 3] = c3;
  }
}
