package io.gptjava.train.generate;

import java.util.List;
import java.util.Optional;

/**
 * Lets a text through piece by piece until one of some strings appears, which it swallows with all
 * that follows. What may be the beginning of such a string is held back.
 */
public final class StopStrings {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private String found;

  /** A filter; the strings must not be empty. */
  public StopStrings(List<String> stops) {
    if (stops.stream().anyMatch(String::isEmpty)) {
      throw new IllegalArgumentException("an empty stop string");
    }
    this.stops = List.copyOf(stops);
  }

  /** The part of the text so far that is certain now and was not before. */
  public String accept(String text) {
    if (found != null) {
      return "";
    }
    held.append(text);
    int first = held.length();
    for (String stop : stops) {
      int at = held.indexOf(stop);
      if (at >= 0
          && (at < first || found != null && at == first && stop.length() > found.length())) {
        first = at;
        found = stop;
      }
    }
    if (found == null) {
      first = held.length() - longestBeginning();
    }
    String certain = held.substring(0, first);
    held.delete(0, first);
    return certain;
  }

  /** Length of the longest end of the held text with which a stop string begins. */
  private int longestBeginning() {
    int longest = 0;
    for (String stop : stops) {
      for (int n = Math.min(stop.length() - 1, held.length()); n > longest; n--) {
        if (held.indexOf(stop.substring(0, n), held.length() - n) == held.length() - n) {
          longest = n;
        }
      }
    }
    return longest;
  }

  /** The string that appeared, if one did; the leftmost, and of those the longest. */
  public Optional<String> found() {
    return Optional.ofNullable(found);
  }

  /** What was held back, at the end of the text. */
  public String finish() {
    String rest = found == null ? held.toString() : "";
    held.setLength(0);
    return rest;
  }
}
