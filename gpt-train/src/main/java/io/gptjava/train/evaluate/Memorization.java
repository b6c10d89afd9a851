package io.gptjava.train.evaluate;

import io.gptjava.train.data.TokenSource;

/**
 * Finds the longest run of tokens that a sample shares with a text: a suffix automaton of the
 * sample (Blumer et al., 1985) reads the text once. Time is linear in both, memory in the sample.
 */
public final class Memorization {
  private static final int CHUNK = 1 << 16;
  private static final int NONE = -1;
  private static final long HASH = 0x9E3779B97F4A7C15L;

  private final int[] length; // of the longest run of each state
  private final int[] link; // state of its longest end that is in another state
  private final int[] end; // place in the sample behind its first occurrence
  private final int[] firstEdge; // of each state, or NONE
  private int states = 1;
  private final int[] edgeToken;
  private final int[] edgeTarget;
  private final int[] nextEdge; // of the same state, or NONE
  private final long[] edgeKey;
  private int edges;
  private final int[] slots; // edge number plus one; 0 is free

  /**
   * The longest run.
   *
   * @param length in tokens
   * @param sampleFrom where it begins in the sample
   * @param textFrom where it begins in the text, for the first time
   */
  public record Match(int length, int sampleFrom, long textFrom) {}

  private Memorization(int[] sample) {
    // Blumer et al.: at most 2n − 1 states and 3n − 4 edges.
    int most = Math.multiplyExact(3, Math.max(2, sample.length));
    length = new int[most];
    link = new int[most];
    end = new int[most];
    firstEdge = new int[most];
    edgeToken = new int[most];
    edgeTarget = new int[most];
    nextEdge = new int[most];
    edgeKey = new long[most];
    slots = new int[Math.multiplyExact(4, Integer.highestOneBit(most))];
    link[0] = NONE;
    firstEdge[0] = NONE;
    int last = 0;
    for (int i = 0; i < sample.length; i++) {
      last = extend(last, sample[i], i + 1);
    }
  }

  /** Finds it. */
  public static Match longest(int[] sample, TokenSource text) {
    Memorization automaton = new Memorization(sample);
    int state = 0;
    int matched = 0;
    Match best = new Match(0, 0, 0);
    int[] chunk = new int[CHUNK];
    for (long from = 0; from < text.size(); from += CHUNK) {
      int count = (int) Math.min(CHUNK, text.size() - from);
      text.copy(from, chunk, 0, count);
      for (int i = 0; i < count; i++) {
        int to;
        while ((to = automaton.follow(state, chunk[i])) == NONE && state != 0) {
          state = automaton.link[state];
          matched = automaton.length[state];
        }
        if (to != NONE) {
          state = to;
          matched++;
          if (matched > best.length) {
            best = new Match(matched, automaton.end[state] - matched, from + i + 1 - matched);
          }
        }
      }
    }
    return best;
  }

  /** Adds a token to the sample; the state of the whole. */
  private int extend(int last, int token, int place) {
    int current = states++;
    firstEdge[current] = NONE;
    length[current] = length[last] + 1;
    end[current] = place;
    int at = last;
    while (at != NONE && follow(at, token) == NONE) {
      put(at, token, current);
      at = link[at];
    }
    if (at == NONE) {
      link[current] = 0;
      return current;
    }
    int to = follow(at, token);
    if (length[to] == length[at] + 1) {
      link[current] = to;
      return current;
    }
    int clone = copy(to, length[at] + 1);
    while (at != NONE && follow(at, token) == to) {
      put(at, token, clone);
      at = link[at];
    }
    link[to] = clone;
    link[current] = clone;
    return current;
  }

  private int copy(int state, int newLength) {
    int clone = states++;
    firstEdge[clone] = NONE;
    length[clone] = newLength;
    link[clone] = link[state];
    end[clone] = end[state];
    for (int edge = firstEdge[state]; edge != NONE; edge = nextEdge[edge]) {
      put(clone, edgeToken[edge], edgeTarget[edge]);
    }
    return clone;
  }

  /** Where a token leads from a state, or {@link #NONE}. */
  private int follow(int state, int token) {
    int edge = slots[slot(key(state, token))] - 1;
    return edge == NONE ? NONE : edgeTarget[edge];
  }

  private void put(int state, int token, int target) {
    long key = key(state, token);
    int slot = slot(key);
    if (slots[slot] == 0) {
      edgeToken[edges] = token;
      edgeKey[edges] = key;
      nextEdge[edges] = firstEdge[state];
      firstEdge[state] = edges;
      slots[slot] = ++edges;
    }
    edgeTarget[slots[slot] - 1] = target;
  }

  private static long key(int state, int token) {
    return (long) state << Integer.SIZE | token;
  }

  /** The slot of an edge, or the free one that it would take. */
  private int slot(long key) {
    int slot = (int) (key * HASH >>> Integer.SIZE) & slots.length - 1;
    while (slots[slot] != 0 && edgeKey[slots[slot] - 1] != key) {
      slot = slot + 1 & slots.length - 1;
    }
    return slot;
  }
}
