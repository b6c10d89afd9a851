package io.gptjava.core.tokenizer;

import java.util.Arrays;

/**
 * Byte-pair encoding of words (Sennrich et al., 2016): as long as two neighbours make a token, the
 * leftmost pair of the lowest rank is merged. Short words search for that pair, long ones keep a
 * heap, so that a word of n bytes takes O(n log n) time and some 50 bytes of memory a byte. Not
 * safe for threads: it collects tokens in buffers of its own.
 */
final class BytePairEncoder {
  private static final int LONGEST_SEARCHED = 128;

  private final PairTable pairs;
  private final int[] ids = new int[LONGEST_SEARCHED];
  private final int[] ranks = new int[LONGEST_SEARCHED];
  private int[] tokens = new int[1024];
  private int count;

  BytePairEncoder(PairTable pairs) {
    this.pairs = pairs;
  }

  /** The tokens of all words so far. */
  int[] tokens() {
    return Arrays.copyOf(tokens, count);
  }

  /** Adds a word that is one token. */
  void add(int token) {
    if (count == tokens.length) {
      tokens = Arrays.copyOf(tokens, count + (count >> 1));
    }
    tokens[count++] = token;
  }

  /** Encodes one word. */
  void encode(byte[] word, int length) {
    if (count + length > tokens.length) {
      tokens = Arrays.copyOf(tokens, Math.max(count + length, count + (count >> 1)));
    }
    if (length <= LONGEST_SEARCHED) {
      search(word, length);
    } else {
      new LongWord(word, length).merge();
    }
  }

  private void search(byte[] word, int length) {
    for (int i = 0; i < length; i++) {
      ids[i] = pairs.ofByte(word[i]);
    }
    for (int i = 0; i + 1 < length; i++) {
      ranks[i] = pairs.merged(ids[i], ids[i + 1]);
    }
    int left = length;
    while (left > 1) {
      int best = 0;
      for (int i = 1; i < left - 1; i++) {
        best = ranks[i] < ranks[best] ? i : best;
      }
      if (ranks[best] == PairTable.NONE) {
        break;
      }
      ids[best] = ranks[best];
      left--;
      System.arraycopy(ids, best + 2, ids, best + 1, left - best - 1);
      if (best < left - 1) {
        System.arraycopy(ranks, best + 2, ranks, best + 1, left - best - 2);
        ranks[best] = pairs.merged(ids[best], ids[best + 1]);
      }
      if (best > 0) {
        ranks[best - 1] = pairs.merged(ids[best - 1], ids[best]);
      }
    }
    System.arraycopy(ids, 0, tokens, count, left);
    count += left;
  }

  /** A linked list of tokens, and a heap of the pairs that can merge. */
  private final class LongWord {
    private static final int END = -1;

    private final int[] id;
    private final int[] next;
    private final int[] previous;
    private final LongHeap heap;

    LongWord(byte[] word, int length) {
      id = new int[length];
      next = new int[length];
      previous = new int[length];
      heap = new LongHeap(length);
      for (int i = 0; i < length; i++) {
        id[i] = pairs.ofByte(word[i]);
        previous[i] = i - 1;
        next[i] = i + 1 < length ? i + 1 : END;
      }
      for (int i = 0; i < length; i++) {
        offer(i);
      }
    }

    private int rank(int at) {
      return next[at] == END ? PairTable.NONE : pairs.merged(id[at], id[next[at]]);
    }

    private void offer(int at) {
      int rank = rank(at);
      if (rank != PairTable.NONE) {
        heap.add((long) rank << Integer.SIZE | at);
      }
    }

    void merge() {
      while (!heap.isEmpty()) {
        long pair = heap.remove();
        int at = (int) pair;
        int merged = (int) (pair >>> Integer.SIZE);
        // Entries of pairs that have changed since are out of date.
        if (id[at] == END || rank(at) != merged) {
          continue;
        }
        int gone = next[at];
        id[at] = merged;
        id[gone] = END;
        next[at] = next[gone];
        if (next[at] != END) {
          previous[next[at]] = at;
        }
        offer(at);
        if (previous[at] != END) {
          offer(previous[at]);
        }
      }
      for (int at = 0; at != END; at = next[at]) {
        tokens[count++] = id[at];
      }
    }
  }
}
