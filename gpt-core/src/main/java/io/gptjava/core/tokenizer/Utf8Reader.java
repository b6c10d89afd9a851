package io.gptjava.core.tokenizer;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Reads UTF-8 text as Python's {@code open(path, "r", encoding="utf-8")} does, which the usual GPT
 * training scripts use: {@code \r\n} and {@code \r} become {@code \n}, and a byte-order mark stays
 * in the text as U+FEFF. So character and token counts equal theirs. Malformed input is an error
 * that tells the byte offset.
 */
public final class Utf8Reader extends Reader {
  private static final int BUFFER = 1 << 16;

  private final String name;
  private final InputStream in;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT);
  private final ByteBuffer bytes = ByteBuffer.allocate(BUFFER).flip();
  private final CharBuffer chars = CharBuffer.allocate(BUFFER).flip();
  private long offset;
  private boolean end;
  private boolean afterReturn;

  /**
   * Reads a stream.
   *
   * @param name what errors call it
   * @param in closed with this reader
   */
  public Utf8Reader(String name, InputStream in) {
    super(in);
    this.name = name;
    this.in = in;
  }

  /**
   * Reads a file.
   *
   * @throws IOException if it cannot be opened
   */
  public static Utf8Reader open(Path file) throws IOException {
    return new Utf8Reader(file.toString(), Files.newInputStream(file));
  }

  /**
   * Fills part of an array with characters (UTF-16 code units).
   *
   * @throws GptException with {@link Failure#DATA} if the input is not UTF-8
   */
  @Override
  public int read(char[] target, int at, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    while (!chars.hasRemaining()) {
      if (end) {
        return -1;
      }
      refill();
    }
    int count = Math.min(length, chars.remaining());
    chars.get(target, at, count);
    return count;
  }

  private void refill() throws IOException {
    bytes.compact();
    int count = in.read(bytes.array(), bytes.position(), bytes.remaining());
    end = count < 0;
    bytes.position(bytes.position() + Math.max(count, 0)).flip();
    chars.clear();
    int before = bytes.position();
    CoderResult result = decoder.decode(bytes, chars, end);
    offset += bytes.position() - before;
    chars.flip();
    if (result.isError()) {
      throw new GptException(
          Failure.DATA,
          ("%s is not UTF-8 text: byte 0x%02X at offset %d is not part of a character;"
                  + " convert the file (iconv -f ENCODING -t UTF-8) or remove those bytes")
              .formatted(name, bytes.get(bytes.position()) & 0xFF, offset));
    }
    translateLineEnds();
  }

  private void translateLineEnds() {
    char[] array = chars.array();
    int to = 0;
    for (int from = 0; from < chars.limit(); from++) {
      char c = array[from];
      if (c == '\n' && afterReturn) {
        afterReturn = false;
        continue;
      }
      afterReturn = c == '\r';
      array[to++] = afterReturn ? '\n' : c;
    }
    chars.limit(to);
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
