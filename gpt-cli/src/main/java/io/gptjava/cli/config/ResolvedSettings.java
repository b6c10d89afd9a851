package io.gptjava.cli.config;

import io.gptjava.train.config.Cadence;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** The values that a command runs with, and where each came from. */
public final class ResolvedSettings {
  private final Map<String, Layer.Item> items = new LinkedHashMap<>();

  /** Keeps the values in the order of the table. */
  ResolvedSettings(Map<String, Layer.Item> values) {
    for (String key : Settings.ALL.keySet()) {
      if (values.containsKey(key)) {
        items.put(key, values.get(key));
      }
    }
  }

  /**
   * A value as {@code config.json} records it.
   *
   * @param values its texts: one, or several paths
   * @param origin {@code default}, {@code preset NAME}, {@code file NAME}, {@code environment NAME}
   *     or {@code flag}
   */
  public record Recorded(List<String> values, String origin) {}

  /** All values by key. */
  public Map<String, Recorded> recorded() {
    Map<String, Recorded> all = new LinkedHashMap<>();
    items.forEach((key, item) -> all.put(key, new Recorded(item.values(), item.origin())));
    return all;
  }

  /** Keys that have a value. */
  public List<String> keys() {
    return List.copyOf(items.keySet());
  }

  /** Whether a setting has a value. */
  public boolean has(String key) {
    return items.containsKey(key);
  }

  /** Whether the user gave it: by file, environment or flag. */
  public boolean given(String key) {
    Layer.Item item = items.get(key);
    return item != null && !item.origin().equals("default") && !item.origin().startsWith("preset");
  }

  /** How the user named the setting, for messages. */
  public String spelled(String key) {
    Layer.Item item = items.get(key);
    return item == null ? "--" + key : given(key) ? item.spelled() : "--" + key;
  }

  /** The value as text. */
  public String text(String key) {
    return String.join(" ", item(key).values());
  }

  /** The value of a true-or-false setting. */
  public boolean flag(String key) {
    return Boolean.parseBoolean(text(key));
  }

  /** The value of a whole number. */
  public int integer(String key) {
    return Integer.parseInt(text(key));
  }

  /** The value of a whole number that may be missing. */
  public OptionalInt optionalInteger(String key) {
    return has(key) ? OptionalInt.of(integer(key)) : OptionalInt.empty();
  }

  /** The value of a 64-bit whole number. */
  public long longInteger(String key) {
    return Long.parseLong(text(key));
  }

  /** The value of a number. */
  public double number(String key) {
    return Double.parseDouble(text(key));
  }

  /** The value of a cadence. */
  public Cadence cadence(String key) {
    return SettingType.parseCadence(spelled(key), text(key));
  }

  /** The paths of a setting, none if it has no value. */
  public List<Path> paths(String key) {
    return has(key) ? item(key).values().stream().map(Path::of).toList() : List.of();
  }

  /** The path of a setting that may be missing. */
  public Optional<Path> path(String key) {
    return paths(key).stream().findFirst();
  }

  /** All values with their origins. */
  Map<String, Layer.Item> items() {
    return items;
  }

  private Layer.Item item(String key) {
    Layer.Item item = items.get(key);
    if (item == null) {
      throw new IllegalStateException("setting " + key + " has no value");
    }
    return item;
  }
}
