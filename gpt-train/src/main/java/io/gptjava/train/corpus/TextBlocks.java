package io.gptjava.train.corpus;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.core.tokenizer.TextEncoder;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * The text of a corpus, its documents joined by {@code <|endoftext|>}, in blocks whose tokens are
 * those of the whole: a block ends where {@link TextEncoder#lastCut} allows. Reads on from any
 * place that a block names as its end.
 */
final class TextBlocks implements Closeable {
  private static final int BLOCK = 1 << 18;

  /** More without a place to cut is no text, and would need more memory than people have. */
  private static final int LONGEST_BLOCK = 1 << 24;

  /** No division by characters. */
  static final long UNDIVIDED = Long.MAX_VALUE;

  /**
   * A block.
   *
   * @param text not empty
   * @param second whether it belongs to the second part of a divided corpus
   * @param end where the text goes on
   * @param characters Unicode characters up to there
   * @param fileBytes bytes of all files read so far
   */
  record Block(String text, boolean second, TextPosition end, long characters, long fileBytes) {}

  /** Where a piece begins: in its file, and in the pending text. */
  private record Origin(int file, long offset, int skipped, int at) {}

  private final CorpusFiles corpus;
  private final TextEncoder encoder;
  private final StringBuilder pending = new StringBuilder();
  private final Deque<Origin> origins = new ArrayDeque<>();
  private PieceReader reader;
  private int file;
  private long offset;
  private int skip;
  private long characters; // that have left in blocks
  private long read; // those and the pending ones
  private long division;
  private int divided = -1; // place in the pending text where the second part begins
  private boolean second;
  private long finishedBytes;
  private int searchAgainAt = BLOCK;

  /**
   * A reader.
   *
   * @param start where to begin
   * @param characters Unicode characters before that
   * @param division characters of the first part, or {@link #UNDIVIDED}; a marker between documents
   *     that it would cut in two belongs to the first
   */
  TextBlocks(
      CorpusFiles corpus, TextEncoder encoder, TextPosition start, long characters, long division) {
    this.corpus = corpus;
    this.encoder = encoder;
    this.file = start.file();
    this.offset = start.offset();
    this.skip = start.skip();
    this.characters = characters;
    this.read = characters;
    this.division = division;
    this.second = characters >= division;
  }

  /** The next block, or null at the end. */
  Block next() {
    while (true) {
      if (divided >= 0 && pending.length() >= divided) {
        Block block = block(divided);
        divided = -1;
        second = true;
        if (block != null) {
          return block;
        }
      }
      if (pending.length() >= searchAgainAt) {
        String text = pending.toString();
        int cut = encoder.lastCut(text);
        if (cut > 0) {
          searchAgainAt = BLOCK;
          return block(cut);
        }
        // A text without cuts is searched again only when it has doubled.
        searchAgainAt = Math.multiplyExact(2, pending.length());
        requireCut();
      }
      if (!read()) {
        return block(pending.length());
      }
    }
  }

  private void requireCut() {
    if (pending.length() > LONGEST_BLOCK) {
      Origin origin = origins.getFirst();
      throw new GptException(
          Failure.DATA,
          "%s has more than %,d characters in which no word ends; is it text? Divide it or leave it out"
              .formatted(corpus.files().get(origin.file), LONGEST_BLOCK));
    }
  }

  private Block block(int length) {
    if (length == 0) {
      return null;
    }
    String text = pending.substring(0, length);
    pending.delete(0, length);
    Origin last = null;
    while (!origins.isEmpty() && origins.getFirst().at <= length) {
      last = origins.removeFirst();
    }
    TextPosition end = new TextPosition(last.file, last.offset, last.skipped + length - last.at);
    Deque<Origin> moved = new ArrayDeque<>();
    moved.add(new Origin(last.file, last.offset, end.skip(), 0));
    origins.forEach(o -> moved.add(new Origin(o.file, o.offset, o.skipped, o.at - length)));
    origins.clear();
    origins.addAll(moved);
    characters += text.codePointCount(0, text.length());
    long bytes = finishedBytes + (reader == null ? 0 : reader.fileBytes());
    return new Block(text, second, end, characters, bytes);
  }

  /** Adds a piece to the pending text; false at the end of the corpus. */
  private boolean read() {
    try {
      while (true) {
        if (reader == null) {
          if (file == corpus.files().size()) {
            return false;
          }
          reader = corpus.open(file, offset);
        }
        PieceReader.Piece piece = reader.next();
        if (piece != null) {
          add(piece);
          return true;
        }
        finishedBytes += reader.fileBytes();
        reader.close();
        reader = null;
        file++;
        offset = 0;
        skip = 0;
      }
    } catch (IOException e) {
      throw corpus.unreadable(file, e);
    }
  }

  private void add(PieceReader.Piece piece) {
    boolean separated = piece.first() && (file > 0 || piece.offset() > 0);
    String text = separated ? Gpt2Tokenizer.END_OF_TEXT + piece.text() : piece.text();
    int skipped = Math.min(skip, text.length());
    skip -= skipped;
    int at = pending.length();
    origins.add(new Origin(file, piece.offset(), skipped, at));
    pending.append(text, skipped, text.length());
    long before = read;
    read += pending.codePointCount(at, pending.length());
    if (!second && divided < 0 && division != UNDIVIDED) {
      int marker = Gpt2Tokenizer.END_OF_TEXT.length();
      if (separated && skipped == 0 && division > before && division < before + marker) {
        division = before + marker;
      }
      if (read >= division) {
        divided = pending.offsetByCodePoints(at, (int) (division - before));
      }
    }
  }

  @Override
  public void close() throws IOException {
    if (reader != null) {
      reader.close();
    }
  }
}
