package io.gptjava.core.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Which two tokens make which third one. A token's id is also its rank: the pair of the smallest id
 * merges first. Open addressing; immutable once built.
 */
final class PairTable {
  /** No token, and a rank after all others. */
  static final int NONE = Integer.MAX_VALUE;

  private static final int BITS = 20;
  private static final int HASH = 0x9E3779B1;

  private final int[] keys = new int[1 << BITS];
  private final int[] values = new int[1 << BITS];
  private final int[] ofByte = new int[256];

  /**
   * Finds every pair.
   *
   * @param tokens bytes of each id, fewer than 65,536; all single bytes are among them
   */
  PairTable(byte[][] tokens) {
    Arrays.fill(values, NONE);
    Map<String, Integer> ids = HashMap.newHashMap(tokens.length);
    String[] texts = new String[tokens.length];
    for (int id = 0; id < tokens.length; id++) {
      texts[id] = new String(tokens[id], StandardCharsets.ISO_8859_1);
      ids.put(texts[id], id);
    }
    for (int id = 0; id < tokens.length; id++) {
      if (tokens[id].length == 1) {
        ofByte[tokens[id][0] & 0xFF] = id;
      }
      for (int split = 1; split < tokens[id].length; split++) {
        Integer left = ids.get(texts[id].substring(0, split));
        Integer right = ids.get(texts[id].substring(split));
        if (left != null && right != null) {
          put(left << Character.SIZE | right, id);
        }
      }
    }
  }

  private void put(int key, int value) {
    int slot = key * HASH >>> (Integer.SIZE - BITS);
    while (values[slot] != NONE) {
      slot = (slot + 1) & (keys.length - 1);
    }
    keys[slot] = key;
    values[slot] = value;
  }

  /** The token of a byte. */
  int ofByte(byte value) {
    return ofByte[value & 0xFF];
  }

  /** The token that two tokens make, or {@link #NONE}. */
  int merged(int left, int right) {
    int key = left << Character.SIZE | right;
    int slot = key * HASH >>> (Integer.SIZE - BITS);
    while (values[slot] != NONE && keys[slot] != key) {
      slot = (slot + 1) & (keys.length - 1);
    }
    return values[slot];
  }
}
