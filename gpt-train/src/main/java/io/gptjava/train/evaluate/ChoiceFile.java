package io.gptjava.train.evaluate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.core.tokenizer.Utf8Reader;
import io.gptjava.train.corpus.TextInput;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads multiple-choice examples: JSON lines with {@code ctx}, {@code endings} and {@code label} as
 * HellaSwag has them, or llm.c's evaluation files.
 *
 * <p>The latter begin with 256 int32: magic 20240522, version 1, number of examples, bytes of the
 * longest; then each example is a row of uint16: 65535, its bytes, its number, the label, the
 * number of endings, and length and tokens of the context and of each ending; all little-endian.
 */
public final class ChoiceFile {
  private static final int MAGIC = 20240522;
  private static final int VERSION = 1;
  private static final int HEADER_BYTES = 1024;
  private static final int START = 0xFFFF;
  private static final int SMALLEST_EXAMPLE = 9; // uint16s: five, a context and an ending of one
  private static final int LONGEST_LINE = 1 << 20;
  private static final long LARGEST = 1L << 30;
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private ChoiceFile() {}

  /**
   * Reads a file.
   *
   * @throws GptException with {@link Failure#DATA} if it is not of these kinds
   */
  public static List<Choice> read(Path file, TextEncoder encoder) {
    try {
      List<Choice> choices =
          TextInput.contentName(file).endsWith(".bin")
              ? readBinary(file, encoder.vocabularySize())
              : readLines(file, encoder);
      if (choices.isEmpty()) {
        throw malformed(file, "it has no example");
      }
      return choices;
    } catch (IOException e) {
      String reason = e.getMessage() == null ? e.toString() : e.getMessage();
      throw new GptException(Failure.DATA, "cannot read %s: %s".formatted(file, reason), e);
    }
  }

  private static GptException malformed(Path file, String reason) {
    return new GptException(
        Failure.DATA,
        "%s is no file of multiple-choice examples: %s; give HellaSwag's JSON lines or llm.c's .bin"
            .formatted(file, reason));
  }

  private static List<Choice> readLines(Path file, TextEncoder encoder) throws IOException {
    List<Choice> choices = new ArrayList<>();
    int number = 0;
    try (BufferedReader lines =
        new BufferedReader(new Utf8Reader(file.toString(), TextInput.open(file)))) {
      for (String line; (line = readLine(lines, file, number + 1)) != null; ) {
        number++;
        if (!line.isBlank()) {
          choices.add(parse(file, number, line, encoder));
        }
      }
    }
    return choices;
  }

  private static String readLine(BufferedReader in, Path file, int number) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int c; (c = in.read()) != '\n'; line.append((char) c)) {
      if (c < 0) {
        return line.isEmpty() ? null : line.toString();
      }
      if (line.length() == LONGEST_LINE) {
        throw malformed(
            file, "line %d has more than %,d characters".formatted(number, LONGEST_LINE));
      }
    }
    return line.toString();
  }

  private static Choice parse(Path file, int number, String line, TextEncoder encoder) {
    String at = "line " + number + " ";
    JsonNode root;
    try {
      root = MAPPER.readTree(line);
    } catch (JsonProcessingException e) {
      throw malformed(file, at + "is not JSON: " + e.getOriginalMessage());
    }
    JsonNode context = root.path("ctx");
    JsonNode endings = root.path("endings");
    if (!context.isTextual() || context.asText().isEmpty()) {
      throw malformed(file, at + "has no text in \"ctx\"");
    }
    if (!endings.isArray() || endings.isEmpty()) {
      throw malformed(file, at + "has no list in \"endings\"");
    }
    List<int[]> tokens = new ArrayList<>();
    for (JsonNode ending : endings) {
      if (!ending.isTextual()) {
        throw malformed(file, at + "has an ending that is no text");
      }
      tokens.add(encoder.encode(" " + ending.asText()));
    }
    int label = root.path("label").asInt(-1); // some versions write it as text
    if (label < 0 || label >= tokens.size()) {
      throw malformed(file, at + "has label %s of %d".formatted(root.get("label"), tokens.size()));
    }
    return new Choice(encoder.encode(context.asText()), tokens, label);
  }

  private static List<Choice> readBinary(Path file, int vocabulary) throws IOException {
    if (Files.size(file) > LARGEST) {
      throw malformed(file, "it has more than %,d bytes".formatted(LARGEST));
    }
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    if (bytes.remaining() < HEADER_BYTES) {
      throw malformed(
          file, "it has %d bytes, the header alone has 1024".formatted(bytes.remaining()));
    }
    if (bytes.getInt(0) != MAGIC || bytes.getInt(4) != VERSION) {
      throw malformed(
          file,
          "it begins with %d, version %d, not %d, version %d"
              .formatted(bytes.getInt(0), bytes.getInt(4), MAGIC, VERSION));
    }
    int count = bytes.getInt(8);
    bytes.position(HEADER_BYTES);
    if (count < 0 || count > bytes.remaining() / 2 / SMALLEST_EXAMPLE) {
      throw malformed(
          file, "its header counts %d examples in %d bytes".formatted(count, bytes.remaining()));
    }
    List<Choice> choices = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      choices.add(new Example(file, i, vocabulary, bytes).read());
    }
    if (bytes.hasRemaining()) {
      throw malformed(file, "%d bytes follow the last example".formatted(bytes.remaining()));
    }
    return choices;
  }

  /** An example of llm.c's. */
  private record Example(Path file, int number, int vocabulary, ByteBuffer bytes) {
    Choice read() {
      int begin = bytes.position();
      int start = next();
      if (start != START) {
        throw error("begins with " + start);
      }
      int size = next();
      next(); // its number
      int label = next();
      int count = next();
      if (label >= count) {
        throw error("has label %d of %d".formatted(label, count));
      }
      int[] context = tokens();
      List<int[]> endings = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        endings.add(tokens());
      }
      if (bytes.position() - begin != size) {
        throw error("says %d bytes and has %d".formatted(size, bytes.position() - begin));
      }
      return new Choice(context, endings, label);
    }

    private int[] tokens() {
      int length = next();
      if (length == 0) {
        throw error("has an empty text");
      }
      if (length > bytes.remaining() / 2) {
        throw error("ends early");
      }
      int[] tokens = new int[length];
      for (int i = 0; i < length; i++) {
        tokens[i] = next();
        if (tokens[i] >= vocabulary) {
          throw error("has token %d of %d".formatted(tokens[i], vocabulary));
        }
      }
      return tokens;
    }

    private int next() {
      if (bytes.remaining() < 2) {
        throw error("ends early");
      }
      return bytes.getChar();
    }

    private GptException error(String reason) {
      return malformed(file, "example " + number + " " + reason);
    }
  }
}
