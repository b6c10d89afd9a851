package io.gptjava.train.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.run.RunFolder;
import io.gptjava.train.run.RunHistory;
import io.gptjava.train.run.RunState;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * All that a report tells of one run: what happened, and the configuration, environment and memory
 * that its folder tells of.
 *
 * @param run its folder
 * @param curves what happened
 */
public record RunReport(Path run, RunCurves curves) {
  /**
   * A run from its folder; needs no lock.
   *
   * @throws GptException with {@link Failure#DATA} if there is no log, or it is damaged
   */
  public static RunReport read(Path run) {
    RunCurves curves = new RunCurves();
    RunHistory.replay(run, curves::on);
    return new RunReport(run, curves);
  }

  /** Name of the folder. */
  public String name() {
    Path name = run.toAbsolutePath().normalize().getFileName();
    return name == null ? run.toString() : name.toString();
  }

  /** All of it as the page's script takes it. */
  public ObjectNode toJson() {
    ObjectNode node = curves.toJson();
    node.put("name", name());
    node.put("folder", run.toString());
    node.put("status", status(node));
    optional("config.json").ifPresent(json -> settings(node.putArray("config"), json));
    optional("environment.json").ifPresent(json -> settings(node.putArray("environment"), json));
    optional(RunFolder.MEMORY).ifPresent(json -> node.set("memory", json));
    return node;
  }

  private String status(ObjectNode node) {
    JsonNode ended = node.path("ended");
    return ended.isTextual()
        ? ended.textValue()
        : RunState.read(run).map(RunState::status).orElse("running");
  }

  private Optional<JsonNode> optional(String name) {
    Path file = run.resolve(name);
    return Files.exists(file) ? Optional.of(RunFolder.readJson(file)) : Optional.empty();
  }

  /** A row for each: key, value as text, and origin if it has one. */
  private static void settings(ArrayNode rows, JsonNode json) {
    for (Map.Entry<String, JsonNode> field : json.properties()) {
      JsonNode entry = field.getValue();
      JsonNode value = entry.has("value") ? entry.get("value") : entry;
      ObjectNode row = rows.addObject().put("key", field.getKey()).put("value", text(value));
      if (entry.hasNonNull("origin")) {
        row.put("origin", entry.get("origin").asText());
      }
    }
  }

  private static String text(JsonNode value) {
    if (value.isArray()) {
      StringBuilder words = new StringBuilder();
      value.forEach(word -> words.append(words.isEmpty() ? "" : " ").append(word.asText()));
      return words.toString();
    }
    return value.isNull() ? "" : value.asText();
  }
}
