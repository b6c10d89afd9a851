package io.gptjava.train.corpus;

import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Path;
import java.util.List;

/** The characters of a file, its documents joined by {@code <|endoftext|>}. */
public final class DocumentReader extends Reader {
  private static final String FIELD = "text";

  private final PieceReader pieces;
  private String current = "";
  private int at;
  private boolean begun;

  private DocumentReader(PieceReader pieces) {
    this.pieces = pieces;
  }

  /**
   * Opens a file: plain text, or JSON lines with the text in {@code "text"}; either compressed or
   * not, as {@link CorpusFiles} says.
   */
  public static Reader open(Path file) {
    CorpusFiles corpus =
        new CorpusFiles(List.of(file), FIELD, Cleaning.NONE, TextInput.MOST_EXPANSION);
    return new DocumentReader(corpus.open(0, 0));
  }

  @Override
  public int read(char[] target, int from, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    while (at == current.length()) {
      PieceReader.Piece piece = pieces.next();
      if (piece == null) {
        return -1;
      }
      boolean separated = begun && piece.first();
      current = separated ? Gpt2Tokenizer.END_OF_TEXT + piece.text() : piece.text();
      at = 0;
      begun = true;
    }
    int count = Math.min(length, current.length() - at);
    current.getChars(at, at + count, target, from);
    at += count;
    return count;
  }

  @Override
  public void close() throws IOException {
    pieces.close();
  }
}
