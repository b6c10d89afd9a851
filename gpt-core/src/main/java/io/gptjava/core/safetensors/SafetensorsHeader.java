package io.gptjava.core.safetensors;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The JSON header of a safetensors file, parsed without trust: keys appear once, nesting is
 * shallow, shapes do not overflow, and the tensors tile the data without gap or overlap.
 *
 * @param metadata the strings under {@code __metadata__}
 * @param tensors by name, in the header's order
 * @param dataBytes size of all tensors
 */
record SafetensorsHeader(
    Map<String, String> metadata, Map<String, TensorEntry> tensors, long dataBytes) {

  /** The reference implementation's limit. */
  static final long MAX_BYTES = 100_000_000;

  static final String METADATA = "__metadata__";

  private static final int MAX_NESTING = 3;
  private static final int MAX_DIMENSIONS = 32;

  private static final JsonFactory JSON =
      new JsonFactoryBuilder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_NESTING)
                  .maxStringLength((int) MAX_BYTES)
                  .maxNumberLength(20)
                  .build())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build();

  /** Why a header cannot be accepted, in words that complete "FILE: ". */
  static final class Malformed extends Exception {
    private static final long serialVersionUID = 1L;

    Malformed(String reason) {
      super(reason, null, false, false);
    }
  }

  static SafetensorsHeader parse(byte[] json) throws Malformed {
    if (json.length == 0 || json[0] != '{') {
      throw new Malformed("the header does not begin with '{'");
    }
    Map<String, String> metadata = new LinkedHashMap<>();
    Map<String, TensorEntry> tensors = new LinkedHashMap<>();
    try (JsonParser parser = JSON.createParser(json)) {
      expect(parser.nextToken(), JsonToken.START_OBJECT, "the header");
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        expect(parser.nextToken(), JsonToken.START_OBJECT, quoted(name));
        if (name.equals(METADATA)) {
          readMetadata(parser, metadata);
        } else {
          tensors.put(name, readTensor(parser, name));
        }
      }
      if (parser.nextToken() != null) {
        throw new Malformed("the header goes on after its closing brace");
      }
    } catch (IOException e) {
      throw new Malformed("the header is not valid JSON: " + firstLine(e));
    }
    return new SafetensorsHeader(metadata, tensors, checkTiling(tensors));
  }

  private static void readMetadata(JsonParser parser, Map<String, String> metadata)
      throws IOException, Malformed {
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String key = parser.currentName();
      expect(parser.nextToken(), JsonToken.VALUE_STRING, METADATA + " " + quoted(key));
      metadata.put(key, parser.getText());
    }
  }

  private static TensorEntry readTensor(JsonParser parser, String name)
      throws IOException, Malformed {
    String what = "tensor " + quoted(name);
    String type = null;
    List<Long> shape = null;
    List<Long> offsets = null;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String key = parser.currentName();
      JsonToken value = parser.nextToken();
      switch (key) {
        case "dtype" -> {
          expect(value, JsonToken.VALUE_STRING, what + " dtype");
          type = parser.getText();
        }
        case "shape" -> shape = readNumbers(parser, what + " shape", MAX_DIMENSIONS);
        case "data_offsets" -> offsets = readNumbers(parser, what + " data_offsets", 2);
        default -> throw new Malformed(what + " has the unknown key " + quoted(key));
      }
    }
    if (type == null || shape == null || offsets == null || offsets.size() != 2) {
      throw new Malformed(what + " lacks a dtype, a shape or two data_offsets");
    }
    return entry(what, name, type, shape, offsets.get(0), offsets.get(1));
  }

  private static TensorEntry entry(
      String what, String name, String typeName, List<Long> shape, long begin, long end)
      throws Malformed {
    StoredType type;
    try {
      type = StoredType.valueOf(typeName);
    } catch (IllegalArgumentException e) {
      throw new Malformed(what + " has the unknown dtype " + quoted(typeName));
    }
    long bytes = type.bytes();
    for (long size : shape) {
      long product = bytes * size;
      if (Math.multiplyHigh(bytes, size) != 0 || product < 0) {
        throw new Malformed(what + " has a shape beyond any memory: " + shape);
      }
      bytes = product;
    }
    if (end < begin || end - begin != bytes) {
      throw new Malformed(
          "%s: dtype %s and shape %s need %d bytes, its offsets [%d, %d] hold %d"
              .formatted(what, type, shape, bytes, begin, end, end - begin));
    }
    return new TensorEntry(name, type, shape, begin, bytes);
  }

  private static List<Long> readNumbers(JsonParser parser, String what, int most)
      throws IOException, Malformed {
    expect(parser.currentToken(), JsonToken.START_ARRAY, what);
    List<Long> numbers = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      expect(parser.currentToken(), JsonToken.VALUE_NUMBER_INT, what);
      long number = parser.getLongValue();
      if (number < 0) {
        throw new Malformed(what + " holds the negative number " + number);
      }
      if (numbers.size() == most) {
        throw new Malformed(what + " holds more than " + most + " numbers");
      }
      numbers.add(number);
    }
    return numbers;
  }

  private static long checkTiling(Map<String, TensorEntry> tensors) throws Malformed {
    List<TensorEntry> sorted = new ArrayList<>(tensors.values());
    sorted.sort(
        Comparator.comparingLong(TensorEntry::offset).thenComparingLong(TensorEntry::byteSize));
    long end = 0;
    for (TensorEntry tensor : sorted) {
      if (tensor.offset() != end) {
        throw new Malformed(
            "tensor %s begins at byte %d of the data, %s byte %d, where the one before it ends"
                .formatted(
                    quoted(tensor.name()),
                    tensor.offset(),
                    tensor.offset() < end ? "overlapping" : "leaving a gap after",
                    end));
      }
      end += tensor.byteSize();
      if (end < 0) {
        throw new Malformed("the tensors are larger than any file");
      }
    }
    return end;
  }

  private static void expect(JsonToken actual, JsonToken expected, String what) throws Malformed {
    if (actual != expected) {
      throw new Malformed(
          what + " should be " + describe(expected) + ", found " + describe(actual));
    }
  }

  private static String describe(JsonToken token) {
    return switch (token) {
      case null -> "nothing";
      case START_OBJECT -> "an object";
      case START_ARRAY -> "an array";
      case VALUE_STRING -> "a string";
      case VALUE_NUMBER_INT -> "a whole number";
      case VALUE_NUMBER_FLOAT -> "a fraction";
      default -> "something else";
    };
  }

  private static String quoted(String name) {
    return "'" + (name.length() > 100 ? name.substring(0, 100) + "…" : name) + "'";
  }

  private static String firstLine(IOException e) {
    String message =
        e instanceof JacksonException jackson ? jackson.getOriginalMessage() : e.getMessage();
    String line = String.valueOf(message).lines().findFirst().orElse("");
    return line.length() > 160 ? line.substring(0, 160) + "…" : line;
  }
}
