package io.gptjava.train.corpus;

import java.text.Normalizer;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What is changed in a text before it is tokenised. All of it is local: a text that is cut before
 * white space gives the same result in parts.
 *
 * @param form Unicode normalisation, first of all
 * @param urlPlaceholder what replaces each {@code http://}, {@code https://}, {@code ftp://} or
 *     {@code www.} address; empty to leave them
 * @param stripEmoji whether emoji go, with their modifiers, joiners and variation selectors; a
 *     keycap leaves its digit
 * @param stripControl whether characters go that show nothing or have no meaning agreed on:
 *     controls other than line feed and tab, format characters other than the zero-width joiner and
 *     non-joiner, private use, unassigned ones, U+FFFD
 */
public record Cleaning(
    Optional<Normalizer.Form> form,
    Optional<String> urlPlaceholder,
    boolean stripEmoji,
    boolean stripControl) {
  /** Leaves the text as it is. */
  public static final Cleaning NONE =
      new Cleaning(Optional.empty(), Optional.empty(), false, false);

  /** The last character of an address is no punctuation, which belongs to the sentence. */
  private static final Pattern URL =
      Pattern.compile(
          "(?i)\\b(?:(?:https?|ftp)://|www\\.)"
              + "[^\\s<>\"。，、；：！？（）「」]*[^\\s<>\"。，、；：！？（）「」.,;:!?'\\[\\](){}…]");

  private static final int JOINER = 0x200D;
  private static final int NON_JOINER = 0x200C;
  private static final int EMOJI_VARIATION = 0xFE0F;
  private static final int KEYCAP = 0x20E3;
  private static final int REPLACEMENT = 0xFFFD;
  private static final int FIRST_PICTURE = 0x2600;
  private static final int FIRST_TAG = 0xE0020;
  private static final int LAST_TAG = 0xE007F;

  /** Whether it changes nothing, ever. */
  public boolean isNone() {
    return equals(NONE);
  }

  /** The clean text. */
  public String apply(String text) {
    String clean = form.map(f -> Normalizer.normalize(text, f)).orElse(text);
    if (urlPlaceholder.isPresent()) {
      clean = URL.matcher(clean).replaceAll(Matcher.quoteReplacement(urlPlaceholder.get()));
    }
    return stripEmoji || stripControl ? strip(clean) : clean;
  }

  private String strip(String text) {
    StringBuilder kept = null;
    boolean afterEmoji = false;
    for (int at = 0, next; at < text.length(); at = next) {
      int c = text.codePointAt(at);
      next = at + Character.charCount(c);
      boolean emoji = stripEmoji && isEmoji(c, next < text.length() ? text.charAt(next) : 0);
      boolean part = stripEmoji && (c == EMOJI_VARIATION || afterEmoji && isEmojiPart(c));
      afterEmoji = emoji || part && afterEmoji;
      if (emoji || part || stripControl && isOdd(c)) {
        if (kept == null) {
          kept = new StringBuilder(text.length()).append(text, 0, at);
        }
        afterEmoji |= part;
      } else if (kept != null) {
        kept.appendCodePoint(c);
      }
    }
    return kept == null ? text : kept.toString();
  }

  private static boolean isEmoji(int c, char next) {
    return c >= 0xA9
        && (Character.isEmojiPresentation(c)
            || Character.isEmojiModifier(c)
            || Character.isExtendedPictographic(c)
                && (c >= FIRST_PICTURE || next == EMOJI_VARIATION));
  }

  private static boolean isEmojiPart(int c) {
    return c == JOINER || c == KEYCAP || c >= FIRST_TAG && c <= LAST_TAG;
  }

  private static boolean isOdd(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL -> c != '\n' && c != '\t';
      case Character.FORMAT -> c != JOINER && c != NON_JOINER;
      case Character.PRIVATE_USE, Character.UNASSIGNED, Character.SURROGATE -> true;
      default -> c == REPLACEMENT;
    };
  }
}
