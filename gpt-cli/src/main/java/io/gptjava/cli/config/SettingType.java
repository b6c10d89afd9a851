package io.gptjava.cli.config;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.config.Cadence;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** How the text of a setting is read. */
public enum SettingType {
  /** True or false. */
  FLAG("true|false"),
  /** Whole number, 0 or more. */
  COUNT("N"),
  /** Whole number, 1 or more. */
  POSITIVE("N"),
  /** Any whole number of 64 bits. */
  LONG("N"),
  /** Number, 0 or more. */
  NUMBER("X"),
  /** Number in [0, 1]. */
  RATIO("R"),
  /** {@code N}, {@code epoch} or {@code N,epoch}. */
  CADENCE("N|epoch|N,epoch"),
  /** One of the setting's choices. */
  CHOICE(""),
  /** Several of the setting's choices, separated by commas. */
  CHOICES(""),
  /** Any text. */
  TEXT("TEXT"),
  /** A file or folder. */
  PATH("PATH"),
  /** Files, folders or globs. */
  PATHS("PATH");

  private static final List<String> YES = List.of("true", "yes", "on", "1");
  private static final List<String> NO = List.of("false", "no", "off", "0");

  private final String placeholder;

  SettingType(String placeholder) {
    this.placeholder = placeholder;
  }

  /** What help shows for the value. */
  String placeholder() {
    return placeholder;
  }

  /**
   * Checks a text and brings it to its usual form.
   *
   * @param name how the user spelled the setting, for the message
   * @throws GptException with {@link Failure#USAGE} if it does not fit
   */
  String normalize(Setting setting, String name, String text) {
    String trimmed = text.strip();
    switch (this) {
      case FLAG -> {
        String lower = trimmed.toLowerCase(Locale.ROOT);
        if (YES.contains(lower)) {
          return "true";
        }
        if (NO.contains(lower)) {
          return "false";
        }
        throw wrong(name, text, "is neither true nor false");
      }
      case COUNT, POSITIVE -> {
        long least = this == COUNT ? 0 : 1;
        long value = parseLong(name, trimmed);
        if (value < least) {
          throw wrong(name, text, "must be at least " + least);
        }
        if (!setting.wide() && value > Integer.MAX_VALUE) {
          throw wrong(name, text, "is too large; the most is " + Integer.MAX_VALUE);
        }
        return Long.toString(value);
      }
      case LONG -> {
        return Long.toString(parseLong(name, trimmed));
      }
      case NUMBER, RATIO -> {
        double value = parseDouble(name, trimmed);
        if (!(value >= 0) || Double.isInfinite(value)) {
          throw wrong(name, text, "must be 0 or more");
        }
        if (this == RATIO && value > 1) {
          throw wrong(name, text, "must lie between 0 and 1");
        }
        return trimmed;
      }
      case CADENCE -> {
        parseCadence(name, trimmed);
        return trimmed;
      }
      case CHOICE -> {
        return choice(setting, name, trimmed);
      }
      case CHOICES -> {
        List<String> parts = Arrays.stream(trimmed.split(",")).map(String::strip).toList();
        return String.join(",", parts.stream().map(part -> choice(setting, name, part)).toList());
      }
      default -> {
        if (text.isEmpty() && this != TEXT) {
          throw wrong(name, text, "is empty");
        }
        return text;
      }
    }
  }

  private static String choice(Setting setting, String name, String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    if (setting.choices().contains(lower)) {
      return lower;
    }
    throw wrong(
        name,
        text,
        "is not one of: %s%s"
            .formatted(
                String.join(", ", setting.choices()),
                Suggestions.nearest(lower, setting.choices())
                    .map(near -> "; did you mean %s?".formatted(near))
                    .orElse("")));
  }

  private static long parseLong(String name, String text) {
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw wrong(name, text, "is not a whole number");
    }
  }

  private static double parseDouble(String name, String text) {
    try {
      return Double.parseDouble(text);
    } catch (NumberFormatException e) {
      throw wrong(name, text, "is not a number");
    }
  }

  /** Reads a cadence. */
  static Cadence parseCadence(String name, String text) {
    List<String> parts = Arrays.stream(text.split(",", -1)).map(String::strip).toList();
    boolean epoch = parts.contains("epoch");
    List<String> counts = parts.stream().filter(part -> !part.equals("epoch")).toList();
    if (parts.size() > 2 || counts.size() > 1 || parts.size() - counts.size() > 1) {
      throw notACadence(name, text);
    }
    int steps = 0;
    try {
      steps = counts.isEmpty() ? 0 : Integer.parseInt(counts.getFirst());
    } catch (NumberFormatException e) {
      throw notACadence(name, text);
    }
    if (steps < 0) {
      throw wrong(name, text, "must be at least 0; 0 is never");
    }
    return new Cadence(steps, epoch);
  }

  private static GptException notACadence(String name, String text) {
    return wrong(name, text, "is not N, epoch or N,epoch (every N steps, after each epoch, both)");
  }

  private static GptException wrong(String name, String text, String reason) {
    return new GptException(Failure.USAGE, "%s %s %s".formatted(name, quoted(text), reason));
  }

  private static String quoted(String text) {
    return text.isEmpty() || text.contains(" ") ? "'" + text + "'" : text;
  }
}
