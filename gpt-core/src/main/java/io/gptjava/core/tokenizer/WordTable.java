package io.gptjava.core.tokenizer;

import java.util.Arrays;

/**
 * The ids of short ASCII words that are tokens themselves, so that merging can be spared: merging
 * the bytes of a token gives that token. Open addressing; immutable once built.
 */
final class WordTable {
  /** Longest word, in bytes; its length takes the last byte of the key. */
  static final int LONGEST = 15;

  /** The answer for a word that is no token. */
  static final int NONE = -1;

  private static final int BITS = 18;
  private static final long HASH = 0x9E3779B97F4A7C15L;

  private final long[] keys = new long[2 << BITS];
  private final int[] values = new int[1 << BITS];

  /** Collects the tokens that are ASCII and short enough. */
  WordTable(byte[][] tokens) {
    Arrays.fill(values, NONE);
    for (int id = 0; id < tokens.length; id++) {
      byte[] token = tokens[id];
      if (token.length <= LONGEST && isAscii(token)) {
        long low = 0;
        long high = 0;
        for (int i = 0; i < token.length; i++) {
          if (i < Long.BYTES) {
            low |= (long) token[i] << 8 * i;
          } else {
            high |= (long) token[i] << 8 * (i - Long.BYTES);
          }
        }
        put(low, high | (long) token.length << 56, id);
      }
    }
  }

  private static boolean isAscii(byte[] token) {
    for (byte b : token) {
      if (b < 0) {
        return false;
      }
    }
    return true;
  }

  private void put(long low, long high, int id) {
    int slot = slot(low, high);
    while (values[slot] != NONE) {
      slot = slot + 1 & values.length - 1;
    }
    keys[2 * slot] = low;
    keys[2 * slot + 1] = high;
    values[slot] = id;
  }

  private static int slot(long low, long high) {
    return (int) ((low ^ Long.rotateLeft(high, 29)) * HASH >>> Long.SIZE - BITS);
  }

  /** The token that part of a text is, or {@link #NONE}; longer parts are none. */
  int find(String text, int begin, int end) {
    int length = end - begin;
    if (length > LONGEST) {
      return NONE;
    }
    long low = 0;
    long high = 0;
    int seen = 0;
    int first = Math.min(length, Long.BYTES);
    for (int i = 0; i < first; i++) {
      char c = text.charAt(begin + i);
      seen |= c;
      low |= (long) c << 8 * i;
    }
    for (int i = Long.BYTES; i < length; i++) {
      char c = text.charAt(begin + i);
      seen |= c;
      high |= (long) c << 8 * (i - Long.BYTES);
    }
    if (seen >= 0x80) {
      return NONE;
    }
    high |= (long) length << 56;
    for (int slot = slot(low, high); values[slot] != NONE; slot = slot + 1 & values.length - 1) {
      if (keys[2 * slot] == low && keys[2 * slot + 1] == high) {
        return values[slot];
      }
    }
    return NONE;
  }
}
