package io.gptjava.train.run;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Lines of {@code metrics.jsonl}: reading them, and dropping those that no longer count. */
final class LogLines {
  private LogLines() {}

  /**
   * Drops the lines beyond a step and returns the others.
   *
   * @param step optimizer steps done where the log goes on
   * @param decisions whether to keep what was decided about steps beyond it
   */
  static List<JsonNode> cut(Path file, long step, boolean decisions) {
    if (!Files.exists(file)) {
      return List.of();
    }
    List<JsonNode> kept = new ArrayList<>();
    Path shorter = file.resolveSibling(".tmp-" + file.getFileName());
    try {
      try (Stream<String> lines = lines(file);
          var writer = Files.newBufferedWriter(shorter, StandardCharsets.UTF_8)) {
        for (String line : (Iterable<String>) lines::iterator) {
          JsonNode event = parse(line);
          if (event != null && (isBefore(event, step) || decisions && event.has("kind"))) {
            kept.add(event);
            writer.write(line);
            writer.write('\n');
          }
        }
      }
      DurableFiles.rename(shorter, file);
      return kept;
    } catch (IOException e) {
      throw RunLog.failure(file, e);
    } catch (UncheckedIOException e) {
      throw RunLog.failure(file, e.getCause());
    }
  }

  /** The lines of a log; bytes that a crash tore come out as U+FFFD instead of an error. */
  static Stream<String> lines(Path file) throws IOException {
    BufferedReader reader =
        new BufferedReader(
            new InputStreamReader(Files.newInputStream(file), StandardCharsets.UTF_8));
    return reader
        .lines()
        .onClose(
            () -> {
              try {
                reader.close();
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
  }

  /** The object of a line, or null if it is torn. */
  static JsonNode parse(String line) {
    try {
      JsonNode event = Json.MAPPER.readTree(line);
      return event.isObject() && event.path("event").isTextual() ? event : null;
    } catch (JacksonException _) {
      return null;
    }
  }

  /** A checkpoint's own event carries the checkpoint's number or that of the last step in it. */
  private static boolean isBefore(JsonNode event, long step) {
    return switch (event.path("event").asText()) {
      case "run" -> event.path("resumed_from").asLong(-1) <= step;
      case "checkpoint" ->
          Checkpoints.number(Path.of(event.path("folder").asText()).getFileName().toString())
                  .orElse(Long.MAX_VALUE)
              <= step;
      default -> event.path("step").asLong() < step;
    };
  }
}
