package io.gptjava.train.data;

import java.util.ArrayList;
import java.util.List;

/**
 * Tokens in memory, two bytes each, in chunks, so that billions fit and growing copies nothing. Ids
 * must be below 65,536, as in token shards. Not safe for threads while tokens are added.
 */
public final class TokenBuffer implements TokenSource {
  /** Ids at and above this do not fit. */
  static final int ID_LIMIT = 1 << 16;

  private static final int CHUNK_BITS = 16;
  private static final int CHUNK = 1 << CHUNK_BITS;

  private final List<char[]> chunks = new ArrayList<>();
  private long size;

  /** A buffer that holds these tokens. */
  public static TokenBuffer of(int... tokens) {
    TokenBuffer buffer = new TokenBuffer();
    buffer.add(tokens);
    return buffer;
  }

  /** Appends tokens. */
  public void add(int... tokens) {
    for (int token : tokens) {
      if (token < 0 || token >= ID_LIMIT) {
        throw new IllegalArgumentException("token id " + token + " does not fit in 16 bits");
      }
      int at = (int) (size & (CHUNK - 1));
      if (at == 0) {
        chunks.add(new char[CHUNK]);
      }
      chunks.getLast()[at] = (char) token;
      size++;
    }
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public void copy(long from, int[] target, int at, int count) {
    if (from < 0 || from + count > size) {
      throw new IndexOutOfBoundsException("[" + from + ", " + (from + count) + ") of " + size);
    }
    for (int i = 0; i < count; i++) {
      long place = from + i;
      target[at + i] = chunks.get((int) (place >>> CHUNK_BITS))[(int) place & (CHUNK - 1)];
    }
  }
}
