package io.gptjava.cli.config;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Reads settings from YAML: one {@code key: value} a line, lists for settings that take several.
 */
final class ConfigFile {
  /** Words such as {@code off} stay words: for some settings they are a choice. */
  private static final YAMLMapper YAML =
      YAMLMapper.builder()
          .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
          .enable(YAMLParser.Feature.PARSE_BOOLEAN_LIKE_WORDS_AS_STRINGS)
          .build();

  private ConfigFile() {}

  /** Reads a file that the user named. */
  static Layer read(Path file) {
    String text;
    try {
      text = Files.readString(file);
    } catch (IOException e) {
      throw new GptException(
          Failure.USAGE,
          "--config %s cannot be read: %s"
              .formatted(
                  file,
                  Files.exists(file) ? "it must be a UTF-8 text file" : "there is no such file"),
          e);
    }
    return parse(text, file.toString(), "file " + file);
  }

  /**
   * Reads settings.
   *
   * @param name of the file, for messages
   * @param origin recorded with each value
   */
  static Layer parse(String text, String name, String origin) {
    JsonNode root;
    try {
      root = YAML.readTree(text);
    } catch (JsonProcessingException e) {
      long line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
      throw new GptException(
          Failure.USAGE,
          "%s, line %d is not valid YAML: %s"
              .formatted(name, line, e.getOriginalMessage().lines().findFirst().orElse("")),
          e);
    }
    Layer layer = new Layer();
    if (root == null || root.isMissingNode() || root.isNull()) {
      return layer;
    }
    if (!root.isObject()) {
      throw new GptException(
          Failure.USAGE, name + " must hold lines of the form 'key: value', such as 'lr: 3e-4'");
    }
    for (Map.Entry<String, JsonNode> field : root.properties()) {
      Setting setting = known(name, field.getKey());
      layer.put(
          setting, values(setting, name, field.getValue()), name + ": " + setting.key(), origin);
    }
    return layer;
  }

  private static Setting known(String name, String key) {
    Setting setting = Settings.ALL.get(key);
    if (setting != null) {
      return setting;
    }
    String hint =
        Suggestions.nearest(key.replace('_', '-'), Settings.ALL.keySet())
            .map(near -> "; did you mean %s?".formatted(near))
            .orElse("; keys are the flags of gpt train without the dashes");
    throw new GptException(Failure.USAGE, "%s: unknown key %s%s".formatted(name, key, hint));
  }

  private static List<String> values(Setting setting, String name, JsonNode node) {
    if (node.isNull() || node.isObject()) {
      throw new GptException(
          Failure.USAGE,
          "%s: %s needs a value of the form %s"
              .formatted(name, setting.key(), setting.placeholder()));
    }
    if (!node.isArray()) {
      return List.of(node.asText());
    }
    List<String> values = new ArrayList<>();
    node.forEach(item -> values.add(item.asText()));
    return switch (setting.type()) {
      case PATHS -> values;
      case CHOICES, CADENCE -> List.of(String.join(",", values));
      default ->
          throw new GptException(
              Failure.USAGE, "%s: %s takes one value, not a list".formatted(name, setting.key()));
    };
  }
}
