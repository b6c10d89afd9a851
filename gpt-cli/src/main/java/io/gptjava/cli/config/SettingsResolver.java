package io.gptjava.cli.config;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Lays defaults, preset, config file, environment and flags over one another, the later the
 * stronger. A value that contradicts one from a weaker layer drops it.
 */
public final class SettingsResolver {
  /** Variables that begin like settings and are not. */
  private static final Set<String> NOT_SETTINGS =
      Set.of("GPT_JAVA_HOME", "GPT_CUDA_LIBRARY", "GPT_TEST_DATA");

  private SettingsResolver() {}

  /**
   * Resolves everything.
   *
   * @param flags what the command line gave
   * @param configFile the {@code --config} file
   * @param environment all environment variables
   */
  public static ResolvedSettings resolve(
      Layer flags, Optional<Path> configFile, Map<String, String> environment) {
    Layer file = configFile.map(ConfigFile::read).orElseGet(Layer::new);
    Layer variables = environment(environment);
    String preset = Presets.NAMES.getFirst();
    for (Layer layer : List.of(file, variables, flags)) {
      Layer.Item item = layer.items().get("preset");
      preset = item == null ? preset : item.values().getFirst();
    }
    return merge(preset, List.of(file, variables, flags));
  }

  /** The values of a preset alone. */
  static ResolvedSettings ofPreset(String name) {
    return merge(name, List.of());
  }

  /** Settings with changes. */
  public static ResolvedSettings change(ResolvedSettings settings, Layer changes) {
    Map<String, Layer.Item> values = new LinkedHashMap<>(settings.items());
    lay(changes, values);
    return new ResolvedSettings(values);
  }

  /** The settings of an earlier run, whose version may not have had all of them, with changes. */
  public static ResolvedSettings restore(Layer recorded, Layer changes) {
    Map<String, Layer.Item> values = new LinkedHashMap<>();
    lay(Presets.defaults(), values);
    lay(recorded, values);
    lay(changes, values);
    return new ResolvedSettings(values);
  }

  private static ResolvedSettings merge(String preset, List<Layer> layers) {
    Map<String, Layer.Item> values = new LinkedHashMap<>();
    lay(Presets.defaults(), values);
    lay(Presets.read(preset), values);
    layers.forEach(layer -> lay(layer, values));
    values.putIfAbsent("preset", new Layer.Item(List.of(preset), "--preset", "default"));
    return new ResolvedSettings(values);
  }

  /** Puts a stronger layer over what is there. */
  static void lay(Layer layer, Map<String, Layer.Item> values) {
    Map<String, Layer.Item> stronger = layer.items();
    for (List<String> group : Settings.EXCLUSIVE) {
      List<String> given = group.stream().filter(stronger::containsKey).toList();
      if (given.size() > 1) {
        throw new GptException(
            Failure.USAGE,
            "%s and %s contradict each other; give one of them"
                .formatted(
                    stronger.get(given.get(0)).spelled(), stronger.get(given.get(1)).spelled()));
      }
      if (given.size() == 1) {
        group.forEach(values::remove);
      }
    }
    if (stronger.containsKey("init-from")) {
      Settings.MODEL_SHAPE.forEach(values::remove);
    }
    dropFloorsAbove(stronger, values);
    values.putAll(stronger);
  }

  /** A lower peak learning rate makes a preset's higher floor or start meaningless. */
  private static void dropFloorsAbove(
      Map<String, Layer.Item> stronger, Map<String, Layer.Item> values) {
    if (!stronger.containsKey("lr")) {
      return;
    }
    double peak = number(stronger.get("lr"));
    for (String key : List.of("min-lr", "initial-lr")) {
      Layer.Item weaker = values.get(key);
      if (weaker != null && number(weaker) > peak) {
        values.put(key, new Layer.Item(List.of("0"), "--" + key, "default"));
      }
    }
  }

  private static double number(Layer.Item item) {
    return Double.parseDouble(item.values().getFirst());
  }

  /**
   * Settings from environment variables.
   *
   * @throws GptException with {@link Failure#USAGE} for a {@code GPT_} variable that is no setting
   */
  public static Layer environment(Map<String, String> environment) {
    Map<String, Setting> byVariable = new TreeMap<>();
    Settings.ALL.values().forEach(setting -> byVariable.put(setting.variable(), setting));
    Layer layer = new Layer();
    for (Map.Entry<String, String> variable : new TreeMap<>(environment).entrySet()) {
      String name = variable.getKey();
      if (!name.startsWith("GPT_") || NOT_SETTINGS.contains(name)) {
        continue;
      }
      Setting setting = byVariable.get(name);
      if (setting == null) {
        List<String> known = new ArrayList<>(byVariable.keySet());
        known.addAll(NOT_SETTINGS);
        String hint =
            Suggestions.nearest(name, known)
                .map(near -> "did you mean %s? Otherwise unset it".formatted(near))
                .orElse("unset it");
        throw new GptException(
            Failure.USAGE, "unknown key %s in the environment; %s".formatted(name, hint));
      }
      List<String> values =
          setting.type() == SettingType.PATHS
              ? List.of(variable.getValue().split(Pattern.quote(File.pathSeparator)))
              : List.of(variable.getValue());
      layer.put(setting, values, name, "environment " + name);
    }
    return layer;
  }
}
