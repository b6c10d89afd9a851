package io.gptjava.train.formats;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Reads small files of a model that nobody vouches for: bounded in size, and told on failure. */
public final class ModelFiles {
  /** A hundred times what the largest GPT-2 needs. */
  private static final long MOST_JSON_BYTES = 4L << 20;

  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private ModelFiles() {}

  /**
   * A JSON object.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if it is not one, or too large
   */
  public static JsonNode readJson(Path file) {
    try {
      JsonNode node = JSON.readTree(read(file, MOST_JSON_BYTES));
      if (!node.isObject()) {
        throw failure(file, "it is not a JSON object");
      }
      return node;
    } catch (JacksonException e) {
      String line = e.getOriginalMessage().lines().findFirst().orElse("");
      throw failure(
          file, "it is not JSON: " + (line.length() > 160 ? line.substring(0, 160) + "…" : line));
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /** A name out of a file for a message: control characters become question marks. */
  static String printable(String name) {
    return name.chars()
        .map(c -> Character.isISOControl(c) ? '?' : c)
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }

  /**
   * All bytes of a file.
   *
   * @param most bytes that such a file may have
   */
  static byte[] read(Path file, long most) throws IOException {
    if (Files.isDirectory(file)) {
      throw failure(file, "it is a folder");
    }
    long size = Files.size(file);
    if (size > most) {
      throw failure(file, "it has %,d bytes, such a file has at most %,d".formatted(size, most));
    }
    return Files.readAllBytes(file);
  }

  /** A model file that cannot be used. */
  static GptException failure(Path file, String reason) {
    return new GptException(Failure.CHECKPOINT, "cannot load %s: %s".formatted(file, reason));
  }

  /** A model file that the system does not give. */
  static GptException unreadable(Path file, IOException e) {
    String reason =
        switch (e) {
          case NoSuchFileException _ -> "it does not exist";
          case AccessDeniedException _ -> "permission denied";
          default -> "it cannot be read: " + e.getMessage();
        };
    return new GptException(Failure.CHECKPOINT, "cannot load %s: %s".formatted(file, reason), e);
  }

  /** Whether a name that a file gives is that of a file in the same folder, and nothing else. */
  static boolean isPlainName(String name) {
    return name.matches("[A-Za-z0-9_][A-Za-z0-9_.\\-]{0,250}");
  }
}
