package io.gptjava.cli.command;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Words of a command line. */
final class Words {
  private Words() {}

  /**
   * The words without some flags, {@code --flag value} or {@code --flag=value}.
   *
   * @param withValue flags that have a value
   * @param alone flags that have none
   */
  static List<String> without(List<String> words, Set<String> withValue, Set<String> alone) {
    List<String> left = new ArrayList<>();
    boolean value = false;
    for (String word : words) {
      String name = word.contains("=") ? word.substring(0, word.indexOf('=')) : word;
      if (!value && !withValue.contains(name) && !alone.contains(word)) {
        left.add(word);
      }
      value = !value && withValue.contains(word);
    }
    return left;
  }
}
