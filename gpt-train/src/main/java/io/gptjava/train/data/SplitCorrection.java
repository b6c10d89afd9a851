package io.gptjava.train.data;

import io.gptjava.core.tokenizer.TextEncoder;

/**
 * How many tokens a text has more than its two parts together, without encoding it again: what
 * differs lies between the last permitted cut before the split and the first found after it.
 */
final class SplitCorrection {
  private static final long NEIGHBOURHOOD = 1 << 10;

  private SplitCorrection() {}

  /**
   * The number, usually 0 or less.
   *
   * @param split character at which the second part begins
   */
  static long tokens(TextCorpus corpus, long split, TextEncoder encoder) {
    for (long reach = NEIGHBOURHOOD; ; reach *= 8) {
      long from = Math.max(0, split - reach);
      long to = Math.min(corpus.characters(), split + reach);
      String before = corpus.text(from, split);
      String after = corpus.text(split, to);
      int begin = encoder.lastCut(before);
      int end = to == corpus.characters() ? after.length() : encoder.lastCut(after);
      if ((begin > 0 || from == 0) && (end > 0 || to == corpus.characters())) {
        String left = before.substring(begin);
        String right = after.substring(0, end);
        return encoder.encode(left + right).length
            - encoder.encode(left).length
            - encoder.encode(right).length;
      }
    }
  }
}
