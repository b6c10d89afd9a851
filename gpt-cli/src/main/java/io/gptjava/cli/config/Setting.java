package io.gptjava.cli.config;

import java.util.List;
import java.util.Locale;

/**
 * One thing that can be configured.
 *
 * @param key name in config files; the flag is {@code --key}, the environment variable {@code
 *     GPT_KEY}
 * @param type how its text is read
 * @param group heading under which help lists it
 * @param choices allowed values, of a choice
 * @param description for help
 */
public record Setting(
    String key, SettingType type, Group group, List<String> choices, String description) {

  /** Headings of the help text, in order. */
  public enum Group {
    /** Where tokens come from. */
    DATA("Data"),
    /** Shape of the model. */
    MODEL("Model"),
    /** How much. */
    SIZE("Size"),
    /** AdamW and its schedule. */
    OPTIMIZER("Optimizer"),
    /** Number formats and seed. */
    NUMERICS("Numerics"),
    /** What runs it. */
    DEVICE("Device"),
    /** What is reported. */
    WATCHING("Watching (a cadence is N, epoch or N,epoch; 0 = never)"),
    /** What is kept. */
    KEEPING("Keeping"),
    /** Set by presets and config files only. */
    PRESET_ONLY("");

    private final String heading;

    Group(String heading) {
      this.heading = heading;
    }

    /** Text of the heading. */
    public String heading() {
      return heading;
    }
  }

  /** The same that takes several of its choices, separated by commas. */
  public Setting several() {
    return new Setting(key, SettingType.CHOICES, group, choices, description);
  }

  /** Whether there is a flag for it. */
  public boolean hasFlag() {
    return group != Group.PRESET_ONLY;
  }

  /** Whether whole numbers may exceed 32 bits. */
  boolean wide() {
    return key.equals("steps") || key.equals("tokens");
  }

  /** The flag. */
  public String flag() {
    return "--" + key;
  }

  /** The environment variable. */
  public String variable() {
    return "GPT_" + key.toUpperCase(Locale.ROOT).replace('-', '_');
  }

  /** What help shows for the value. */
  public String placeholder() {
    String one = choices.isEmpty() ? type.placeholder() : String.join("|", choices);
    return type == SettingType.CHOICES ? one + ",…" : one;
  }
}
