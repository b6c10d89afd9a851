package io.gptjava.train.corpus;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Documents of a JSON-lines file: one object a line, the text in one of its fields. Lines of white
 * space are passed over.
 */
final class JsonLines implements PieceReader {
  /** Longest line, in bytes. */
  static final int LONGEST_LINE = 64 << 20;

  private static final int BUFFER = 1 << 16;
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder().maxStringLength(LONGEST_LINE).build())
          .build();

  private final String name;
  private final TextInput input;
  private final String field;
  private final Cleaning cleaning;
  private final byte[] buffer = new byte[BUFFER];
  private int at;
  private int limit;
  private byte[] line = new byte[BUFFER];
  private int length;
  private long offset;
  private long lineNumber;

  /**
   * Opens a file.
   *
   * @param field name of the field that holds the text
   * @param from bytes to pass over; a line begins there
   */
  JsonLines(String name, TextInput input, String field, long from, Cleaning cleaning)
      throws IOException {
    this.name = name;
    this.input = input;
    this.field = field;
    this.cleaning = cleaning;
    while (offset < from && (at < limit || refill())) {
      int count = (int) Math.min(limit - at, from - offset);
      for (int i = at; i < at + count; i++) {
        lineNumber += buffer[i] == '\n' ? 1 : 0;
      }
      at += count;
      offset += count;
    }
  }

  @Override
  public Piece next() throws IOException {
    while (true) {
      long begin = offset;
      if (!readLine()) {
        return null;
      }
      lineNumber++;
      if (!isBlank()) {
        return new Piece(cleaning.apply(text(decode(begin))), begin, true);
      }
    }
  }

  /** Reads up to and including a line feed; false at the end of the file. */
  private boolean readLine() throws IOException {
    length = 0;
    while (at < limit || refill()) {
      int stop = at;
      while (stop < limit && buffer[stop] != '\n') {
        stop++;
      }
      append(stop - at);
      boolean whole = stop < limit;
      offset += stop - at + (whole ? 1 : 0);
      at = whole ? stop + 1 : stop;
      if (whole) {
        return true;
      }
    }
    return length > 0;
  }

  private void append(int count) {
    if (length + count > LONGEST_LINE) {
      throw error("has more than %,d bytes; is it one JSON object a line?".formatted(LONGEST_LINE));
    }
    if (length + count > line.length) {
      line = Arrays.copyOf(line, Math.max(2 * line.length, length + count));
    }
    System.arraycopy(buffer, at, line, length, count);
    length += count;
  }

  private boolean refill() throws IOException {
    at = 0;
    limit = Math.max(0, input.read(buffer, 0, buffer.length));
    return limit > 0;
  }

  private boolean isBlank() {
    for (int i = 0; i < length; i++) {
      if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') {
        return false;
      }
    }
    return true;
  }

  private String decode(long begin) {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer bytes = ByteBuffer.wrap(line, 0, length);
    CharBuffer chars = CharBuffer.allocate(length);
    CoderResult result = decoder.decode(bytes, chars, true);
    if (result.isError()) {
      throw new GptException(
          Failure.DATA,
          ("%s is not UTF-8 text: byte 0x%02X at offset %d is not part of a character;"
                  + " convert the file (iconv -f ENCODING -t UTF-8) or remove those bytes")
              .formatted(name, bytes.get(bytes.position()) & 0xFF, begin + bytes.position()));
    }
    return chars.flip().toString();
  }

  private String text(String json) throws IOException {
    try (JsonParser parser = JSON.createParser(json)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw error("is not a JSON object");
      }
      String text = null;
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        boolean wanted = parser.currentName().equals(field);
        JsonToken value = parser.nextToken();
        if (!wanted) {
          parser.skipChildren();
        } else if (value == JsonToken.VALUE_STRING) {
          text = parser.getText();
        } else {
          throw error("has no text in \"%s\" but %s".formatted(field, value));
        }
      }
      if (parser.nextToken() != null) {
        throw error("has more than one JSON object");
      }
      if (text == null) {
        throw error("has no field \"%s\"; name the one with the text by --field".formatted(field));
      }
      return text;
    } catch (JsonProcessingException e) {
      throw error("is not JSON: " + e.getOriginalMessage());
    }
  }

  private GptException error(String reason) {
    return new GptException(Failure.DATA, "%s: line %d %s".formatted(name, lineNumber, reason));
  }

  @Override
  public long fileBytes() {
    return input.fileBytes();
  }

  @Override
  public void close() throws IOException {
    input.close();
  }
}
