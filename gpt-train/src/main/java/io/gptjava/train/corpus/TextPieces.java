package io.gptjava.train.corpus;

import io.gptjava.core.tokenizer.Utf8Reader;
import java.io.IOException;
import java.util.Arrays;

/**
 * Pieces of a plain text, which is one document. They end before white space where the text is
 * cleaned, so that cleaning sees whole words; where a million characters have none, they end
 * somewhere. Where a piece ends depends on where it begins and on nothing else.
 */
final class TextPieces implements PieceReader {
  private static final int PIECE = 1 << 16;
  private static final int LONGEST_PIECE = 1 << 20;

  private final TextInput input;
  private final Utf8Reader reader;
  private final Cleaning cleaning;
  private char[] buffer = new char[PIECE];
  private int length;
  private long offset;
  private boolean end;

  /**
   * Opens a text.
   *
   * @param from characters (UTF-16 code units) to pass over
   */
  TextPieces(String name, TextInput input, long from, Cleaning cleaning) throws IOException {
    this.input = input;
    this.reader = new Utf8Reader(name, input);
    this.cleaning = cleaning;
    while (offset < from) {
      int read = reader.read(buffer, 0, (int) Math.min(buffer.length, from - offset));
      if (read < 0) {
        break;
      }
      offset += read;
    }
  }

  @Override
  public Piece next() throws IOException {
    fill();
    if (length == 0 && offset > 0) {
      return null;
    }
    int cut = end ? length : cut();
    while (cut == 0 && !end) {
      buffer = Arrays.copyOf(buffer, buffer.length * 2);
      fill();
      cut = end ? length : cut();
    }
    Piece piece = new Piece(cleaning.apply(new String(buffer, 0, cut)), offset, offset == 0);
    System.arraycopy(buffer, cut, buffer, 0, length - cut);
    length -= cut;
    offset += Math.max(cut, 1); // an empty document is over too
    if (buffer.length > PIECE && length <= PIECE) {
      buffer = Arrays.copyOf(buffer, PIECE);
    }
    return piece;
  }

  private void fill() throws IOException {
    while (!end && length < buffer.length) {
      int read = reader.read(buffer, length, buffer.length - length);
      end = read < 0;
      length += Math.max(read, 0);
    }
  }

  private int cut() {
    if (!cleaning.isNone()) {
      for (int at = length - 1; at > 0; at--) {
        if ((buffer[at] == ' ' || buffer[at] == '\n') && !Character.isWhitespace(buffer[at - 1])) {
          return at;
        }
      }
      if (length < LONGEST_PIECE) {
        return 0;
      }
    }
    return Character.isHighSurrogate(buffer[length - 1]) ? length - 1 : length;
  }

  @Override
  public long fileBytes() {
    return input.fileBytes();
  }

  @Override
  public void close() throws IOException {
    reader.close();
  }
}
