package io.gptjava.cli.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.cli.config.Layer;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.Setting;
import io.gptjava.cli.config.Settings;
import io.gptjava.cli.config.SettingsResolver;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The {@code config.json} of a run: every setting with its value and where it came from. */
public final class RunSettings {
  private RunSettings() {}

  /**
   * The settings as an object; paths are made absolute, so that the run can be resumed from
   * anywhere.
   */
  public static ObjectNode toJson(ResolvedSettings settings) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    for (Map.Entry<String, ResolvedSettings.Recorded> entry : settings.recorded().entrySet()) {
      ObjectNode node = root.putObject(entry.getKey());
      node.set("value", value(Settings.ALL.get(entry.getKey()), entry.getValue().values()));
      node.put("origin", entry.getValue().origin());
    }
    return root;
  }

  private static JsonNode value(Setting setting, List<String> values) {
    JsonNodeFactory factory = JsonNodeFactory.instance;
    String first = values.getFirst();
    return switch (setting.type()) {
      case FLAG -> factory.booleanNode(Boolean.parseBoolean(first));
      case COUNT, POSITIVE, LONG -> factory.numberNode(Long.parseLong(first));
      case NUMBER, RATIO -> factory.numberNode(Double.parseDouble(first));
      case PATH -> factory.textNode(Path.of(first).toAbsolutePath().normalize().toString());
      case PATHS -> {
        ArrayNode array = factory.arrayNode();
        values.forEach(path -> array.add(Path.of(path).toAbsolutePath().normalize().toString()));
        yield array;
      }
      default -> factory.textNode(first);
    };
  }

  /**
   * Reads the settings of a run.
   *
   * @param file that {@code root} was read from, for messages
   * @param changes that this command makes to them
   * @throws GptException with {@link Failure#CHECKPOINT} if a setting is unknown or malformed
   */
  public static ResolvedSettings read(Path file, JsonNode root, Layer changes) {
    Layer layer = new Layer();
    for (Map.Entry<String, JsonNode> field : root.properties()) {
      Setting setting = Settings.ALL.get(field.getKey());
      JsonNode value = field.getValue().path("value");
      if (setting == null || value.isMissingNode() || value.isObject()) {
        throw new GptException(
            Failure.CHECKPOINT,
            "%s: %s is no setting of this version; use the version that began the run"
                .formatted(file, field.getKey()));
      }
      List<String> values = new ArrayList<>();
      if (value.isArray()) {
        value.forEach(item -> values.add(item.asText()));
      } else {
        values.add(value.asText());
      }
      layer.put(setting, values, setting.flag(), field.getValue().path("origin").asText());
    }
    return SettingsResolver.restore(layer, changes);
  }
}
