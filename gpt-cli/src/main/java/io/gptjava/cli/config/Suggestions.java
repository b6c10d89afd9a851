package io.gptjava.cli.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/** Finds what the user probably meant. */
public final class Suggestions {
  private Suggestions() {}

  /** The candidate nearest to a word, if it is near enough to be a slip. */
  public static Optional<String> nearest(String word, Collection<String> candidates) {
    return candidates.stream()
        .min(Comparator.comparingInt(candidate -> distance(word, candidate)))
        .filter(candidate -> near(word, candidate));
  }

  private static boolean near(String word, String candidate) {
    String a = withoutPrefix(word);
    String b = withoutPrefix(candidate);
    int allowed = (Math.min(a.length(), b.length()) + 1) / 3;
    return distance(word, candidate) <= Math.max(1, allowed)
        || Math.min(a.length(), b.length()) >= 3 && (b.startsWith(a) || a.startsWith(b));
  }

  /** Every option or variable has it, so it says nothing about what was meant. */
  private static String withoutPrefix(String word) {
    return word.replaceFirst("^(--?|GPT_)", "");
  }

  /**
   * Edit distance with swaps of neighbours (optimal string alignment): the number of insertions,
   * deletions, replacements and swaps that turn one word into the other.
   */
  static int distance(String a, String b) {
    int[][] cost = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          cost[i][j] = i + j;
          continue;
        }
        boolean same = a.charAt(i - 1) == b.charAt(j - 1);
        int best = Math.min(cost[i - 1][j], cost[i][j - 1]) + 1;
        best = Math.min(best, cost[i - 1][j - 1] + (same ? 0 : 1));
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          best = Math.min(best, cost[i - 2][j - 2] + 1);
        }
        cost[i][j] = best;
      }
    }
    return cost[a.length()][b.length()];
  }
}
