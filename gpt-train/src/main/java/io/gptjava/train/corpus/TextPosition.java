package io.gptjava.train.corpus;

/**
 * A place in the text that several files make together.
 *
 * @param file index of the file
 * @param offset where the piece of the file begins that the place is in, as its reader counts:
 *     characters of a text, bytes of JSON lines
 * @param skip characters of the piece, cleaned and with the marker that may stand before it, that
 *     lie before the place
 */
public record TextPosition(int file, long offset, int skip) {
  /** The beginning. */
  public static final TextPosition START = new TextPosition(0, 0, 0);
}
