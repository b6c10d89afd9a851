package io.gptjava.core.tokenizer;

/**
 * Turns text into token ids and back. Implementations are immutable and may be shared by threads.
 */
public interface TextEncoder {
  /**
   * Tokens of a text; every {@code <|endoftext|>} in it becomes {@link #endOfText()}.
   *
   * @return ids in [0, {@link #vocabularySize()})
   */
  int[] encode(String text);

  /**
   * The same tokens as {@link #encode(String)}, found by several threads.
   *
   * @param workers threads, at least 1
   */
  default int[] encode(String text, int workers) {
    return encode(text);
  }

  /**
   * The last place where a text may be cut, whatever stands before and after the text, so that the
   * tokens of both parts are those of the whole.
   *
   * @return a position in [1, {@code text.length()}), or 0 if there is no such place
   */
  int lastCut(String text);

  /** UTF-8 bytes of one token; they need not form whole characters. The caller must not write. */
  byte[] bytes(int id);

  /** Text of tokens; bytes that form no character become U+FFFD. */
  String decode(int... ids);

  /** Number of ids, special tokens included. */
  int vocabularySize();

  /** Id of {@code <|endoftext|>}, which separates documents. */
  int endOfText();
}
