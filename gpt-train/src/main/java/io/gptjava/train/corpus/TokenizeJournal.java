package io.gptjava.train.corpus;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.run.DurableFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * How far a folder of token shards is: the file {@value #NAME} in it.
 *
 * @param settings those that decide the content, as text
 * @param sources the files as they were
 * @param complete whether everything is written
 * @param position where the text goes on
 * @param characters Unicode characters before that
 * @param division characters of the first split; {@link Long#MAX_VALUE} if tokens decide, or there
 *     is one split
 * @param written what the shards hold
 * @param tokens written in all
 */
record TokenizeJournal(
    String settings,
    List<Source> sources,
    boolean complete,
    TextPosition position,
    long characters,
    long division,
    ShardWriter.State written,
    long tokens) {
  static final String NAME = "tokenize.json";

  private static final int VERSION = 1;
  private static final long LARGEST = 64 << 20;
  private static final ObjectMapper MAPPER = new ObjectMapper();

  /**
   * A file as it was.
   *
   * @param modified milliseconds since 1970
   */
  record Source(String file, long bytes, long modified) {
    static Source of(Path file) throws IOException {
      return new Source(
          file.toString(), Files.size(file), Files.getLastModifiedTime(file).toMillis());
    }
  }

  TokenizeJournal {
    sources = List.copyOf(sources);
  }

  /** The same, further on. */
  TokenizeJournal advance(
      boolean complete,
      TextPosition position,
      long characters,
      ShardWriter.State written,
      long tokens) {
    return new TokenizeJournal(
        settings, sources, complete, position, characters, division, written, tokens);
  }

  /** Reads that of a folder, if it has one. */
  static Optional<TokenizeJournal> read(Path folder) {
    Path file = folder.resolve(NAME);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      if (Files.size(file) > LARGEST) {
        throw new IOException("it is too large");
      }
      return Optional.of(parse(MAPPER.readTree(Files.readAllBytes(file))));
    } catch (IOException | IllegalArgumentException e) {
      throw new GptException(
          Failure.DATA,
          "%s is damaged: %s; delete the folder and tokenise again"
              .formatted(file, String.valueOf(e.getMessage()).lines().findFirst().orElse("")),
          e);
    }
  }

  private static TokenizeJournal parse(JsonNode root) {
    if (number(root, "version") != VERSION) {
      throw new IllegalArgumentException("version " + root.get("version") + " is not known");
    }
    List<Source> sources = new ArrayList<>();
    for (JsonNode source : root.path("sources")) {
      sources.add(
          new Source(text(source, "file"), number(source, "bytes"), number(source, "modified")));
    }
    TextPosition position =
        new TextPosition(
            Math.toIntExact(number(root, "file")),
            number(root, "offset"),
            Math.toIntExact(number(root, "skip")));
    if (position.file() > sources.size()) {
      throw new IllegalArgumentException("file " + position.file() + " of " + sources.size());
    }
    return new TokenizeJournal(
        text(root, "settings"),
        sources,
        root.path("complete").asBoolean(),
        position,
        number(root, "characters"),
        number(root, "division"),
        new ShardWriter.State(
            text(root, "split"),
            Math.toIntExact(number(root, "shard")),
            Math.toIntExact(number(root, "shard_tokens"))),
        number(root, "tokens"));
  }

  private static long number(JsonNode node, String key) {
    JsonNode value = node.path(key);
    if (!value.isIntegralNumber() || !value.canConvertToLong() || value.asLong() < 0) {
      throw new IllegalArgumentException("no number \"" + key + "\"");
    }
    return value.asLong();
  }

  private static String text(JsonNode node, String key) {
    JsonNode value = node.path(key);
    if (!value.isTextual()) {
      throw new IllegalArgumentException("no text \"" + key + "\"");
    }
    return value.asText();
  }

  /** Replaces that of a folder. */
  void write(Path folder) throws IOException {
    ObjectNode root = MAPPER.createObjectNode();
    root.put("version", VERSION);
    root.put("complete", complete);
    root.put("tokens", tokens);
    root.put("settings", settings);
    root.put("file", position.file());
    root.put("offset", position.offset());
    root.put("skip", position.skip());
    root.put("characters", characters);
    root.put("division", division);
    root.put("split", written.split());
    root.put("shard", written.index());
    root.put("shard_tokens", written.tokens());
    ArrayNode list = root.putArray("sources");
    for (Source source : sources) {
      ObjectNode one = list.addObject();
      one.put("file", source.file());
      one.put("bytes", source.bytes());
      one.put("modified", source.modified());
    }
    byte[] bytes = root.toPrettyString().getBytes(StandardCharsets.UTF_8);
    DurableFiles.replace(folder.resolve(NAME), bytes);
  }
}
