package io.gptjava.cli.config;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Stack;
import picocli.CommandLine.IParameterConsumer;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * Takes the paths after an option, up to the next word that begins with a dash. By itself picocli
 * would take an unknown option for another path, and the error would be about a missing file. A
 * path that begins with a dash can be written as {@code ./-path}.
 */
public final class PathParameters implements IParameterConsumer {
  /** Made by picocli. */
  public PathParameters() {}

  @Override
  public void consumeParameters(Stack<String> words, ArgSpec option, CommandSpec command) {
    List<String> paths = new ArrayList<>(earlier(option));
    int before = paths.size();
    while (!words.isEmpty() && !words.peek().startsWith("-")) {
      paths.add(words.pop());
    }
    if (paths.size() == before) {
      throw new MissingParameterException(
          command.commandLine(),
          option,
          "Missing required parameter for option '%s' (%s)"
              .formatted(((OptionSpec) option).longestName(), option.paramLabel()));
    }
    option.setValue(
        option.type().isArray()
            ? paths.toArray(String[]::new)
            : paths.stream().map(Path::of).toList());
  }

  /** What an earlier occurrence of the option gave. */
  private static List<String> earlier(ArgSpec option) {
    Object value = option.getValue();
    return switch (value) {
      case String[] several -> Arrays.asList(several);
      case List<?> several -> several.stream().map(Object::toString).toList();
      case null, default -> List.of();
    };
  }
}
