package io.gptjava.core.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class Gpt2TokenizerTest {
  private static final Gpt2Tokenizer TOKENIZER = new Gpt2Tokenizer();
  private static final String[] PIECES = {
    "a",
    "Zebra",
    "é",
    "ß",
    "ǅ",
    "了",
    "斗之力",
    "，",
    "。",
    "1",
    "42",
    "½",
    "Ⅷ",
    "٣",
    "😀",
    "👩‍🚀",
    "𝔸",
    "𠀀",
    " ",
    "  ",
    "   ",
    "\t",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\u00a0",
    "\u3000",
    "\u2028",
    "\u0085",
    "\u200b",
    "\u001c",
    "\ufeff",
    "'s",
    "'S",
    "'re",
    "'",
    "''",
    "'ll",
    "n't",
    "I'd",
    "’s",
    ".",
    "...",
    "|",
    "<",
    "<|",
    "|>",
    "<|endoftext|>",
    "<|endoftext",
    "endoftext|>",
    "\u0301",
    "-",
    "_",
    "\0",
    "the",
    " the",
    "Ωμέγα",
    "हिन्दी",
    "한국어"
  };

  @Test
  void knownTexts() {
    assertArrayEquals(
        new int[] {6109, 3626, 6100, 345}, TOKENIZER.encode("Every effort moves you"));
    assertArrayEquals(new int[] {15496, 11, 314, 716}, TOKENIZER.encode("Hello, I am"));
    assertEquals(20, TOKENIZER.encode("萧炎，斗之力，三段").length);
    assertEquals(0, TOKENIZER.encode("").length);
    assertEquals("Every effort moves you", TOKENIZER.decode(6109, 3626, 6100, 345));
    assertEquals(50257, TOKENIZER.vocabularySize());
  }

  @Test
  void endOfTextIsOneTokenOrThirteenCharacters() {
    int[] expected = {15496, 50256, 15496, 50256, 50256};
    String text = "Hello<|endoftext|>Hello<|endoftext|><|endoftext|>";
    assertArrayEquals(expected, TOKENIZER.encode(text));
    assertEquals(text, TOKENIZER.decode(expected));
    assertEquals(50256, TOKENIZER.endOfText());
    int[] ordinary = TOKENIZER.encodeOrdinary(text);
    assertTrue(IntStream.of(ordinary).noneMatch(id -> id == 50256));
    assertEquals(text, TOKENIZER.decode(ordinary));
  }

  @Test
  void idsOutsideTheVocabularyAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> TOKENIZER.decode(50257));
    assertThrows(IllegalArgumentException.class, () -> TOKENIZER.decode(-1));
  }

  @Test
  void everyTokenEncodesToItself() {
    for (int id = 0; id < TOKENIZER.endOfText(); id++) {
      String text = TOKENIZER.decode(id);
      if (Arrays.equals(text.getBytes(StandardCharsets.UTF_8), TOKENIZER.bytes(id))
          && WordSplitter.wordEnd(text, 0) == text.length()) {
        assertArrayEquals(new int[] {id}, TOKENIZER.encode(text), text);
      }
    }
  }

  @Test
  void equalsJtokkit() throws Exception {
    Encoding jtokkit = Encodings.newLazyEncodingRegistry().getEncoding(EncodingType.R50K_BASE);
    Random random = new Random(77);
    for (int round = 0; round < 5000; round++) {
      String text = text(random, 1 + random.nextInt(30));
      assertArrayEquals(
          jtokkit.encodeOrdinary(text).toArray(), TOKENIZER.encodeOrdinary(text), text);
    }
    // Every character that Unicode assigns, near enough: after a letter, a blank and itself.
    StringBuilder all = new StringBuilder();
    for (int c = 0; c <= Character.MAX_CODE_POINT; c += c < 0x20000 ? 1 : 97) {
      if (c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE) {
        all.append('a').appendCodePoint(c).append(' ').appendCodePoint(c).appendCodePoint(c);
      }
      if (all.length() > 100_000 || c > Character.MAX_CODE_POINT - 97) {
        String text = all.toString();
        assertArrayEquals(jtokkit.encodeOrdinary(text).toArray(), TOKENIZER.encode(text));
        all.setLength(0);
      }
    }
  }

  @Test
  void equalsJtokkitOnShakespeare() throws Exception {
    Encoding jtokkit = Encodings.newLazyEncodingRegistry().getEncoding(EncodingType.R50K_BASE);
    String text = TrialTexts.read("tinyshakespeare.txt");
    assertArrayEquals(jtokkit.encodeOrdinary(text).toArray(), TOKENIZER.encode(text, 2));
  }

  @Test
  void theVerdict() throws Exception {
    String text = TrialTexts.read("the-verdict.txt");
    assertEquals(20_479, text.length());
    assertEquals(5_145, TOKENIZER.encode(text).length);
    assertEquals(4_612, TOKENIZER.encode(text.substring(0, 18_431)).length);
    assertEquals(534, TOKENIZER.encode(text.substring(18_431)).length);
  }

  @Test
  void cuttingWherePermittedChangesNothing() {
    Random random = new Random(20260101);
    int cuts = 0;
    for (int round = 0; round < 4000; round++) {
      String text = text(random, 1 + random.nextInt(24));
      int[] whole = TOKENIZER.encode(text);
      // Every permitted place is the last cut of the prefix that ends one character after it.
      for (int end = 2; end <= text.length(); end++) {
        if (Character.isHighSurrogate(text.charAt(end - 1))) {
          continue;
        }
        int cut = TOKENIZER.lastCut(text.substring(0, end));
        if (cut > 0) {
          cuts++;
          assertArrayEquals(
              whole,
              IntStream.concat(
                      IntStream.of(TOKENIZER.encode(text.substring(0, cut))),
                      IntStream.of(TOKENIZER.encode(text.substring(cut))))
                  .toArray(),
              () -> "cut at " + cut + " of " + text);
        }
      }
      assertEquals(text, TOKENIZER.decode(whole));
    }
    assertTrue(cuts > 50_000, "only " + cuts + " cuts tried");
  }

  @Test
  void parallelEqualsSequential() {
    Random random = new Random(7);
    String text = text(random, 400_000);
    int[] whole = TOKENIZER.encode(text);
    for (int workers : new int[] {1, 2, 3, 8}) {
      assertArrayEquals(whole, TOKENIZER.encode(text, workers));
    }
    String noCut = " ".repeat(200_000);
    assertArrayEquals(TOKENIZER.encode(noCut), TOKENIZER.encode(noCut, 4));
  }

  @Test
  void veryLongWords() {
    Random random = new Random(3);
    StringBuilder letters = new StringBuilder();
    for (int i = 0; i < 1_000_000; i++) {
      letters.append((char) ('a' + random.nextInt(26)));
    }
    for (String text :
        List.of(
            letters.toString(), "斗".repeat(300_000), " ".repeat(1_000_000), "a1".repeat(500_000))) {
      assertEquals(text, TOKENIZER.decode(TOKENIZER.encode(text, 2)));
    }
  }

  @Test
  void longWordsMergeByRank() {
    // Words are merged in two ways, by their length: both must be plain BPE.
    Map<String, Integer> ranks = new HashMap<>();
    for (int id = 0; id < TOKENIZER.endOfText(); id++) {
      ranks.put(new String(TOKENIZER.bytes(id), StandardCharsets.ISO_8859_1), id);
    }
    Random random = new Random(11);
    String[] alphabets = {"a", "ab", "aab", "etaoinshr", "abcdefghijklmnopqrstuvwxyz", "斗之力三段"};
    for (int round = 0; round < 60; round++) {
      String alphabet = alphabets[round % alphabets.length];
      int length = 100 + random.nextInt(500);
      StringBuilder word = new StringBuilder();
      for (int i = 0; i < length; i++) {
        word.append(alphabet.charAt(random.nextInt(alphabet.length())));
      }
      assertArrayEquals(merge(word.toString(), ranks), TOKENIZER.encode(word.toString()));
    }
  }

  /** Byte-pair encoding as its definition says: merge the leftmost pair of lowest rank. */
  private static int[] merge(String word, Map<String, Integer> ranks) {
    List<String> parts = new ArrayList<>();
    for (byte b : word.getBytes(StandardCharsets.UTF_8)) {
      parts.add(String.valueOf((char) (b & 0xFF)));
    }
    while (true) {
      int best = -1;
      int bestRank = Integer.MAX_VALUE;
      for (int i = 0; i + 1 < parts.size(); i++) {
        Integer rank = ranks.get(parts.get(i) + parts.get(i + 1));
        if (rank != null && rank < bestRank) {
          bestRank = rank;
          best = i;
        }
      }
      if (best < 0) {
        return parts.stream().mapToInt(ranks::get).toArray();
      }
      parts.set(best, parts.get(best) + parts.remove(best + 1));
    }
  }

  @Test
  void streamingEqualsDecodingAtOnce() {
    Random random = new Random(5);
    for (int round = 0; round < 2000; round++) {
      int[] ids =
          round % 2 == 0
              ? TOKENIZER.encode(text(random, 12))
              : random.ints(12, 0, 300).map(id -> id == 299 ? 50256 : id).toArray();
      StreamingDecoder decoder = new StreamingDecoder(TOKENIZER);
      StringBuilder streamed = new StringBuilder();
      for (int id : ids) {
        String text = decoder.accept(id);
        streamed.append(text);
        assertTrue(
            text.isEmpty() || !Character.isHighSurrogate(text.charAt(text.length() - 1)), text);
      }
      assertEquals(TOKENIZER.decode(ids), streamed + decoder.finish());
      assertEquals("", decoder.finish());
    }
  }

  @Test
  void streamingHoldsBackIncompleteCharacters() {
    int[] ids = TOKENIZER.encode("萧");
    assertTrue(ids.length > 1);
    StreamingDecoder decoder = new StreamingDecoder(TOKENIZER);
    for (int i = 0; i < ids.length - 1; i++) {
      assertEquals("", decoder.accept(ids[i]));
    }
    assertEquals("萧", decoder.accept(ids[ids.length - 1]));
    assertEquals("", decoder.accept(ids[0]));
    assertEquals("\uFFFD", decoder.finish());
    assertEquals("\uFFFD", TOKENIZER.decode(ids[0]));
  }

  private static String text(Random random, int pieces) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < pieces; i++) {
      text.append(PIECES[random.nextInt(PIECES.length)]);
    }
    return text.toString();
  }
}
