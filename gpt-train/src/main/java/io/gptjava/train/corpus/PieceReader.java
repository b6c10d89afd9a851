package io.gptjava.train.corpus;

import java.io.Closeable;
import java.io.IOException;

/** Reads the documents of one file piece by piece. */
interface PieceReader extends Closeable {
  /**
   * Part of a document, or all of it.
   *
   * @param text clean
   * @param offset where it begins in the file, in the reader's own units
   * @param first whether the document begins with it
   */
  record Piece(String text, long offset, boolean first) {}

  /** The next piece, or null at the end of the file. */
  Piece next() throws IOException;

  /** Bytes of the file read so far. */
  long fileBytes();
}
