package io.gptjava.train.evaluate;

import java.util.List;

/**
 * A multiple-choice example.
 *
 * @param context at least one token
 * @param endings at least one, none of them empty
 * @param label the right ending
 */
public record Choice(int[] context, List<int[]> endings, int label) {
  /** Copies the list. */
  public Choice {
    endings = List.copyOf(endings);
  }
}
