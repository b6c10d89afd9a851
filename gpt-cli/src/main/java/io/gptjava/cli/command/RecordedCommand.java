package io.gptjava.cli.command;

import java.util.List;
import java.util.Set;
import java.util.StringJoiner;
import picocli.CommandLine.Model.CommandSpec;

/** What was typed, for the record of a measurement. */
final class RecordedCommand {
  /** Flags with a file of this machine, which change nothing of what is measured. */
  private static final Set<String> FILES = Set.of("--csv", "--plot", "--baseline");

  private RecordedCommand() {}

  /** The command line, without flags that name files and without {@code --json}. */
  static String of(CommandSpec spec) {
    return of(spec.root().commandLine().getParseResult().originalArgs());
  }

  /** The words of a command line put together. */
  static String of(List<String> words) {
    StringJoiner text = new StringJoiner(" ", "gpt ", "");
    for (String word : Words.without(words, FILES, Set.of("--json"))) {
      text.add(word.matches("[\\w./,:=+@%^-]+") ? word : "'" + word.replace("'", "'\\''") + "'");
    }
    return text.toString();
  }
}
