package io.gptjava.train.data;

import io.gptjava.core.Philox;

/**
 * A permutation of [0, n) that depends on (seed, epoch, n) and nothing else, so that a resumed run
 * goes on in the same order. Version 1, part of {@link Philox#LAYOUT_VERSION}.
 *
 * <p>Up to {@value #TABLE_LIMIT} elements it is a Fisher–Yates shuffle (Knuth, TAOCP 2, algorithm
 * P): uniform over all orders. Beyond, no table is kept: a Feistel network over a × b ≥ n with
 * alternating modular additions, walked until it lands below n (Black and Rogaway, "Ciphers with
 * arbitrary finite domains", CT-RSA 2002); every element costs about {@value #ROUNDS} Philox
 * blocks.
 */
final class EpochOrder {
  static final int TABLE_LIMIT = 1 << 20;

  private static final int ROUNDS = 8;

  private final long seed;
  private final int epoch;
  private final long size;
  private final long columns;
  private final long rows;
  private final int[] table;

  EpochOrder(long seed, int epoch, long size) {
    this(seed, epoch, size, TABLE_LIMIT);
  }

  EpochOrder(long seed, int epoch, long size, int tableLimit) {
    this.seed = seed;
    this.epoch = epoch;
    this.size = size;
    this.columns = (long) Math.ceil(Math.sqrt(size));
    this.rows = columns == 0 ? 0 : (size + columns - 1) / columns;
    this.table = size <= tableLimit ? shuffle((int) size) : null;
  }

  int epoch() {
    return epoch;
  }

  /** The element at a place of the order. */
  long at(long place) {
    if (table != null) {
      return table[(int) place];
    }
    int[] words = new int[4];
    long element = place;
    do {
      element = permute(element, words);
    } while (element >= size);
    return element;
  }

  private int[] shuffle(int n) {
    int[] order = new int[n];
    int[] words = new int[4];
    for (int i = 0; i < n; i++) {
      order[i] = i;
    }
    for (int i = n - 1; i > 0; i--) {
      int other = (int) draw(i, 0, i + 1L, words);
      int kept = order[i];
      order[i] = order[other];
      order[other] = kept;
    }
    return order;
  }

  private long permute(long element, int[] words) {
    long column = element % columns;
    long row = element / columns;
    for (int round = 1; round <= ROUNDS; round++) {
      if (round % 2 == 0) {
        column = (column + draw(row, round, columns, words)) % columns;
      } else {
        row = (row + draw(column, round, rows, words)) % rows;
      }
    }
    return row * columns + column;
  }

  /** A number in [0, bound): the high word of 64 random bits × bound; its bias is below 2⁻³². */
  private long draw(long index, int site, long bound, int[] words) {
    Philox.block(seed, index, epoch, Philox.PURPOSE_SHUFFLE, site, words, 0);
    long bits = (long) words[0] << 32 | words[1] & 0xFFFFFFFFL;
    return Math.unsignedMultiplyHigh(bits, bound);
  }
}
