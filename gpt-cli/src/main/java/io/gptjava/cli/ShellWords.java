package io.gptjava.cli;

import java.util.Arrays;
import java.util.stream.Collectors;

/** Command lines that a user can copy into a POSIX shell. */
public final class ShellWords {
  private ShellWords() {}

  /** Words as one line, those quoted that a shell would change. */
  public static String join(String... words) {
    return Arrays.stream(words).map(ShellWords::quote).collect(Collectors.joining(" "));
  }

  private static String quote(String word) {
    return word.matches("[\\p{L}\\p{N}_./:=+@%,-]+")
        ? word
        : "'" + word.replace("'", "'\\''") + "'";
  }
}
