package io.gptjava.train.data;

/** A sequence of tokens with random access; may be read by several threads. */
public interface TokenSource extends AutoCloseable {
  /** Number of tokens. */
  long size();

  /**
   * Copies tokens out.
   *
   * @param from place of the first one
   * @param target receives {@code count} ids from index {@code at} on
   */
  void copy(long from, int[] target, int at, int count);

  /** Where tokens [from, to) lie, for people. */
  default String place(long from, long to) {
    return "tokens " + from + "–" + (to - 1);
  }

  /** A part that shares this source's memory; closing it does nothing. */
  default TokenSource slice(long from, long to) {
    if (from < 0 || to < from || to > size()) {
      throw new IndexOutOfBoundsException("[" + from + ", " + to + ") of " + size());
    }
    TokenSource whole = this;
    return new TokenSource() {
      @Override
      public long size() {
        return to - from;
      }

      @Override
      public void copy(long begin, int[] target, int at, int count) {
        if (begin < 0 || begin + count > to - from) {
          throw new IndexOutOfBoundsException(
              "[" + begin + ", " + (begin + count) + ") of " + (to - from));
        }
        whole.copy(from + begin, target, at, count);
      }

      @Override
      public String place(long begin, long end) {
        return whole.place(from + begin, from + end);
      }
    };
  }

  /** Gives back what the source holds beyond the heap. */
  @Override
  default void close() {}
}
