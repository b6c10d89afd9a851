package io.gptjava.core.tokenizer;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import com.knuddels.jtokkit.api.IntArrayList;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * GPT-2's byte-level byte-pair encoding (Radford et al., 2019; OpenAI's {@code r50k_base}), on
 * jtokkit. 50,257 ids: 50,256 byte sequences and {@code <|endoftext|>}.
 *
 * <p>An unpaired surrogate, which no text file can hold, encodes as a question mark.
 */
public final class Gpt2Tokenizer implements TextEncoder {
  /** The document separator as text. */
  public static final String END_OF_TEXT = "<|endoftext|>";

  private static final int END_OF_TEXT_ID = 50256;

  /** Shorter pieces are not worth a hand-over to another thread. */
  private static final int SMALLEST_PIECE = 1 << 15;

  private final Encoding encoding;
  private final byte[][] tokens;

  /** Loads the vocabulary, which takes some tenths of a second; share the object. */
  public Gpt2Tokenizer() {
    encoding = Encodings.newLazyEncodingRegistry().getEncoding(EncodingType.R50K_BASE);
    tokens = new byte[END_OF_TEXT_ID + 1][];
    // Decoding through this table keeps threads out of jtokkit's decoder, which caches special
    // tokens in an unguarded map.
    IntArrayList one = new IntArrayList(1);
    for (int id = 0; id < END_OF_TEXT_ID; id++) {
      one.clear();
      one.add(id);
      tokens[id] = encoding.decodeBytes(one);
    }
    tokens[END_OF_TEXT_ID] = END_OF_TEXT.getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public int[] encode(String text) {
    int marker = text.indexOf(END_OF_TEXT);
    if (marker < 0) {
      return encodeOrdinary(text);
    }
    List<int[]> parts = new ArrayList<>();
    int from = 0;
    for (; marker >= 0; marker = text.indexOf(END_OF_TEXT, from)) {
      parts.add(encodeOrdinary(text.substring(from, marker)));
      parts.add(new int[] {END_OF_TEXT_ID});
      from = marker + END_OF_TEXT.length();
    }
    parts.add(encodeOrdinary(text.substring(from)));
    return concatenate(parts);
  }

  /** Tokens of a text in which {@code <|endoftext|>} means nothing but its thirteen characters. */
  public int[] encodeOrdinary(String text) {
    return encoding.encodeOrdinary(text).toArray();
  }

  @Override
  public int[] encode(String text, int workers) {
    int size = (int) Math.max(SMALLEST_PIECE, text.length() / (4L * workers));
    if (workers == 1 || text.length() <= size) {
      return encode(text);
    }
    try (var pool = Executors.newFixedThreadPool(workers, Gpt2Tokenizer::daemon)) {
      List<Future<int[]>> pieces = new ArrayList<>();
      for (int from = 0, to; from < text.length(); from = to) {
        to = cutAtOrAfter(text, Math.min((long) from + size, text.length()));
        String piece = text.substring(from, to);
        pieces.add(pool.submit(() -> encode(piece)));
      }
      List<int[]> parts = new ArrayList<>();
      for (Future<int[]> piece : pieces) {
        parts.add(piece.get());
      }
      return concatenate(parts);
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while tokenising", e);
    }
  }

  private static Thread daemon(Runnable task) {
    Thread thread = new Thread(task, "tokenizer");
    thread.setDaemon(true);
    return thread;
  }

  private static int[] concatenate(List<int[]> parts) {
    int[] all = new int[Math.toIntExact(parts.stream().mapToLong(part -> part.length).sum())];
    int at = 0;
    for (int[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }

  @Override
  public int lastCut(String text) {
    int at = text.length() - 1;
    while (at > 0 && !canCut(text, at)) {
      at--;
    }
    return Math.max(at, 0);
  }

  private static int cutAtOrAfter(String text, long from) {
    int at = (int) from;
    while (at < text.length() && !canCut(text, at)) {
      at++;
    }
    return at;
  }

  /**
   * Whether the words that BPE works on must end at a place. The words are the matches of
   *
   * <pre>'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</pre>
   *
   * <p>In each alternative that takes a letter, only letters can follow it; the same holds for
   * digits; and no alternative takes white space after anything else. So a word ends after a letter
   * that no letter follows, after a digit that no digit follows, and before white space that
   * follows something else. What a match depends on beyond its own end is one character, and only
   * after white space, which never stands before a cut; so neither side notices the cut. The marker
   * {@code <|endoftext|>} has one such place, before its second bar: bars are left out.
   */
  private static boolean canCut(String text, int at) {
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

  /** The classes of characters that the word pattern tells apart. */
  private enum Kind {
    LETTER,
    DIGIT,
    SPACE,
    OTHER;

    static Kind of(int codePoint) {
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

  @Override
  public byte[] bytes(int id) {
    if (id < 0 || id >= tokens.length) {
      throw new IllegalArgumentException(
          "token id " + id + " is not in [0, " + tokens.length + ")");
    }
    return tokens[id];
  }

  @Override
  public String decode(int... ids) {
    int length = 0;
    for (int id : ids) {
      length = Math.addExact(length, bytes(id).length);
    }
    byte[] all = new byte[length];
    int at = 0;
    for (int id : ids) {
      System.arraycopy(tokens[id], 0, all, at, tokens[id].length);
      at += tokens[id].length;
    }
    return new String(all, StandardCharsets.UTF_8);
  }

  @Override
  public int vocabularySize() {
    return tokens.length;
  }

  @Override
  public int endOfText() {
    return END_OF_TEXT_ID;
  }
}
