package io.gptjava.cli.config;

import io.gptjava.core.GptConfig;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Named sets of values, kept as config files in the program's resources. */
public final class Presets {
  /** Names, the default first. */
  public static final List<String> NAMES =
      List.of(
          "story",
          "textbook",
          "textbook-warmup",
          "gpt2-124m",
          "gpt2-355m",
          "gpt2-774m",
          "gpt2-1558m");

  private static final String BASE = "base: ";

  private Presets() {}

  /** What holds when nothing says otherwise. */
  static Layer defaults() {
    return ConfigFile.parse(resource("defaults"), "defaults", "default");
  }

  /** The values of a preset, those of the preset that it builds on included, the nearest last. */
  static Layer read(String name) {
    String text = resource(name);
    String own = String.join("\n", text.lines().filter(line -> !line.startsWith(BASE)).toList());
    Layer layer =
        text.lines()
            .filter(line -> line.startsWith(BASE))
            .findFirst()
            .map(line -> read(line.substring(BASE.length()).strip()))
            .orElseGet(Layer::new);
    String origin = "preset " + name;
    Layer nearest = ConfigFile.parse(own, "preset " + name, origin);
    SettingsResolver.lay(nearest, layer.items());
    return layer;
  }

  /** Shape of a preset's model. */
  public static GptConfig model(String name) {
    return TrainConfigs.from(
            SettingsResolver.ofPreset(name),
            path -> {
              throw new IllegalStateException("preset " + name + " takes weights from " + path);
            })
        .model();
  }

  /** First comment line of a preset. */
  static String title(String name) {
    return resource(name)
        .lines()
        .filter(line -> line.startsWith("#"))
        .findFirst()
        .orElse("#")
        .substring(1)
        .strip();
  }

  /** Every preset with all its values, as YAML that can be copied into a config file. */
  public static String list() {
    StringBuilder text = new StringBuilder();
    for (String name : NAMES) {
      text.append("# ").append(title(name)).append('\n');
      text.append("preset: ").append(name).append('\n');
      ResolvedSettings settings = SettingsResolver.ofPreset(name);
      for (String key : settings.keys()) {
        if (!key.equals("preset")) {
          String value = settings.text(key);
          text.append(key).append(": ");
          text.append(value.isEmpty() ? "''" : value).append('\n');
        }
      }
      text.append('\n');
    }
    return text.toString();
  }

  private static String resource(String name) {
    try (InputStream in = Presets.class.getResourceAsStream("presets/" + name + ".yaml")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
