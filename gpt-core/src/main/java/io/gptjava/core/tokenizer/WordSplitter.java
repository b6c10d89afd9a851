package io.gptjava.core.tokenizer;

/**
 * GPT-2's division of text into the words that byte-pair encoding works on: the matches of
 *
 * <pre>'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</pre>
 *
 * <p>Written out by hand, because that is faster than a regular expression.
 */
final class WordSplitter {
  private WordSplitter() {}

  /** The classes of characters that the pattern tells apart. */
  private enum Kind {
    LETTER,
    DIGIT,
    SPACE,
    OTHER;

    private static final Kind[] ASCII = new Kind[0x80];

    static {
      for (int c = 0; c < ASCII.length; c++) {
        ASCII[c] = ofAny(c);
      }
    }

    static Kind of(int codePoint) {
      return codePoint < ASCII.length ? ASCII[codePoint] : ofAny(codePoint);
    }

    private static Kind ofAny(int codePoint) {
      return switch (Character.getType(codePoint)) {
        case Character.UPPERCASE_LETTER,
            Character.LOWERCASE_LETTER,
            Character.TITLECASE_LETTER,
            Character.MODIFIER_LETTER,
            Character.OTHER_LETTER ->
            LETTER;
        case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER ->
            DIGIT;
        case Character.SPACE_SEPARATOR, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR ->
            SPACE;
        default -> codePoint >= 9 && codePoint <= 13 || codePoint == 0x85 ? SPACE : OTHER;
      };
    }
  }

  /** Where the word that begins at a place ends. */
  static int wordEnd(String text, int begin) {
    char first = text.charAt(begin);
    if (first == '\'') {
      int end = contractionEnd(text, begin);
      if (end > 0) {
        return end;
      }
    }
    Kind kind = Kind.of(text.codePointAt(begin));
    if (first == ' ' && begin + 1 < text.length()) {
      Kind next = Kind.of(text.codePointAt(begin + 1));
      if (next != Kind.SPACE) {
        return runEnd(text, begin + 1, next);
      }
    }
    int end = runEnd(text, begin, kind);
    // The last white space before a word is its own, or the word's if it is a blank.
    return kind == Kind.SPACE && end < text.length() && end - begin > 1 ? end - 1 : end;
  }

  private static int contractionEnd(String text, int begin) {
    char second = begin + 1 < text.length() ? text.charAt(begin + 1) : 0;
    if (second == 's' || second == 'd' || second == 'm' || second == 't') {
      return begin + 2;
    }
    char third = begin + 2 < text.length() ? text.charAt(begin + 2) : 0;
    boolean three =
        second == 'l' && third == 'l' || (second == 'v' || second == 'r') && third == 'e';
    return three ? begin + 3 : 0;
  }

  private static int runEnd(String text, int begin, Kind kind) {
    int end = begin;
    while (end < text.length()) {
      int codePoint = text.codePointAt(end);
      if (Kind.of(codePoint) != kind) {
        break;
      }
      end += Character.charCount(codePoint);
    }
    return end;
  }

  /**
   * Whether a word must end at a place, whatever stands around its two neighbours.
   *
   * <p>In each alternative of the pattern that takes a letter, only letters can follow it; the same
   * holds for digits; and no alternative takes white space after anything else. So a word ends
   * after a letter that no letter follows, after a digit that no digit follows, and before white
   * space that follows something else. What a match depends on beyond its own end is one character,
   * and only after white space, which never stands before a cut; so neither side notices the cut.
   * The marker {@code <|endoftext|>} has one such place, before its second bar: bars are left out.
   */
  static boolean canCut(String text, int at) {
    char next = text.charAt(at);
    if (Character.isLowSurrogate(next) || next == '|') {
      return false;
    }
    Kind before = Kind.of(text.codePointBefore(at));
    Kind after = Kind.of(text.codePointAt(at));
    return before != after
        && switch (before) {
          case LETTER, DIGIT -> true;
          case OTHER -> after == Kind.SPACE;
          case SPACE -> false;
        };
  }
}
