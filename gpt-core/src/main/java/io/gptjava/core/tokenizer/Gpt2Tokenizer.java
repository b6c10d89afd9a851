package io.gptjava.core.tokenizer;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import com.knuddels.jtokkit.api.IntArrayList;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * GPT-2's byte-level byte-pair encoding (Radford et al., 2019; OpenAI's {@code r50k_base}). 50,257
 * ids: 50,256 byte sequences and {@code <|endoftext|>}.
 *
 * <p>The vocabulary is jtokkit's. Its encoder, with which tests compare this one, takes twice the
 * time for prose, and more time and memory for words of megabytes, as data without spaces has them.
 *
 * <p>An unpaired surrogate, which no text file can hold, encodes as a question mark.
 */
public final class Gpt2Tokenizer implements TextEncoder {
  /** The document separator as text. */
  public static final String END_OF_TEXT = "<|endoftext|>";

  private static final int END_OF_TEXT_ID = 50256;

  /** Shorter pieces are not worth a hand-over to another thread. */
  private static final int SMALLEST_PIECE = 1 << 15;

  private final byte[][] tokens;
  private final PairTable pairs;
  private final WordTable words;

  /** Loads the vocabulary, which takes some tenths of a second; share the object. */
  public Gpt2Tokenizer() {
    Encoding encoding = Encodings.newLazyEncodingRegistry().getEncoding(EncodingType.R50K_BASE);
    tokens = new byte[END_OF_TEXT_ID + 1][];
    IntArrayList one = new IntArrayList(1);
    for (int id = 0; id < END_OF_TEXT_ID; id++) {
      one.clear();
      one.add(id);
      tokens[id] = encoding.decodeBytes(one);
    }
    pairs = new PairTable(Arrays.copyOf(tokens, END_OF_TEXT_ID));
    words = new WordTable(Arrays.copyOf(tokens, END_OF_TEXT_ID));
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
    BytePairEncoder encoder = new BytePairEncoder(pairs);
    byte[] bytes = new byte[64];
    for (int begin = 0, end; begin < text.length(); begin = end) {
      end = WordSplitter.wordEnd(text, begin);
      int token = words.find(text, begin, end);
      if (token != WordTable.NONE) {
        encoder.add(token);
        continue;
      }
      int length = ascii(text, begin, end, bytes);
      if (length < 0) {
        byte[] word = text.substring(begin, end).getBytes(StandardCharsets.UTF_8);
        encoder.encode(word, word.length);
      } else {
        encoder.encode(bytes, length);
      }
    }
    return encoder.tokens();
  }

  /** Copies a short ASCII word; -1 if it is neither. */
  private static int ascii(String text, int begin, int end, byte[] bytes) {
    if (end - begin > bytes.length) {
      return -1;
    }
    for (int i = begin; i < end; i++) {
      char c = text.charAt(i);
      if (c >= 0x80) {
        return -1;
      }
      bytes[i - begin] = (byte) c;
    }
    return end - begin;
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
    while (at > 0 && !WordSplitter.canCut(text, at)) {
      at--;
    }
    return Math.max(at, 0);
  }

  private static int cutAtOrAfter(String text, long from) {
    int at = (int) from;
    while (at < text.length() && !WordSplitter.canCut(text, at)) {
      at++;
    }
    return at;
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
