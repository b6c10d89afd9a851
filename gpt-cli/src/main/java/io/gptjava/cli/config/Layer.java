package io.gptjava.cli.config;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Values from one place, checked and in their usual form. Most settings have one item; paths may
 * have several.
 */
public final class Layer {
  private final Map<String, Item> items = new LinkedHashMap<>();

  /**
   * A value.
   *
   * @param values the texts
   * @param spelled how the user named the setting here, for messages
   * @param origin where it came from, for {@code config.json}
   */
  record Item(List<String> values, String spelled, String origin) {}

  /** Adds a value after checking it. */
  public void put(Setting setting, List<String> values, String spelled, String origin) {
    List<String> normalized =
        values.stream().map(value -> setting.type().normalize(setting, spelled, value)).toList();
    items.put(setting.key(), new Item(normalized, spelled, origin));
  }

  /** The values by key. */
  Map<String, Item> items() {
    return items;
  }
}
