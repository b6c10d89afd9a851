package io.gptjava.train.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Encodes as a reader of the files would, with nothing but the files and the published rules. */
class TokenizerFilesTest {
  /** The words of Radford et al., 2019, as OpenAI's encoder.py has them. */
  private static final Pattern WORDS =
      Pattern.compile(
          "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
          Pattern.UNICODE_CHARACTER_CLASS);

  private static JsonNode vocabulary;
  private static List<String> merges;
  private static final Map<String, Integer> RANKS = new HashMap<>();

  @BeforeAll
  static void read() throws IOException {
    TokenizerFiles files = TokenizerFiles.gpt2();
    vocabulary = new ObjectMapper().readTree(files.vocabulary());
    merges = new String(files.merges(), StandardCharsets.UTF_8).lines().toList();
    for (String merge : merges.subList(1, merges.size())) {
      RANKS.put(merge, RANKS.size());
    }
  }

  private static String character(int b) {
    int others = 0;
    for (int i = 0; i < 256; i++) {
      boolean itself = i >= '!' && i <= '~' || i >= '¡' && i <= '¬' || i >= '®';
      if (i == b) {
        return Character.toString(itself ? i : 256 + others);
      }
      others += itself ? 0 : 1;
    }
    throw new AssertionError(b);
  }

  private static int[] encode(String text) {
    List<Integer> ids = new ArrayList<>();
    Matcher words = WORDS.matcher(text);
    while (words.find()) {
      List<String> parts = new ArrayList<>();
      for (byte b : words.group().getBytes(StandardCharsets.UTF_8)) {
        parts.add(character(b & 0xFF));
      }
      while (true) {
        int best = Integer.MAX_VALUE;
        int at = 0;
        for (int i = 0; i + 1 < parts.size(); i++) {
          int rank = RANKS.getOrDefault(parts.get(i) + " " + parts.get(i + 1), Integer.MAX_VALUE);
          if (rank < best) {
            best = rank;
            at = i;
          }
        }
        if (best == Integer.MAX_VALUE) {
          break;
        }
        parts.set(at, parts.get(at) + parts.remove(at + 1));
      }
      parts.forEach(part -> ids.add(vocabulary.required(part).intValue()));
    }
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }

  @Test
  void readersOfTheFilesGetOurTokens() {
    Gpt2Tokenizer tokenizer = new Gpt2Tokenizer();
    for (String text :
        List.of(
            "I HAD always thought Jack Gisburn rather a cheap genius--though a good fellow enough.",
            "They've said it's 3,141.59 times; we'd, I'm, you'll, don't, she's."
                + " \"Antidisestablish\"",
            "少年缓缓抬起头来,露出一张有些清秀的稚嫩脸庞。斗之力,三段!",
            "Naïve café, Straße, Ελληνικά, русский, العربية, हिन्दी, 한국어, ñandú \u00a0\u00ad",
            "😀 👩‍👩‍👧‍👦 🇩🇪 ❤️ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
            "  two  spaces \t\ttabs\n\n\nlines \r\n end   ",
            "for (int i = 0; i < n; i++) { sum += x[i] * 0x7FFF; } // ----------------------",
            "\u0000\u0001\u007f\u0085\u009f control",
            "")) {
      assertArrayEquals(tokenizer.encode(text), encode(text), text);
    }
  }

  @Test
  void theyAreOpenAisFiles() {
    assertEquals(50_257, vocabulary.size());
    assertEquals(50_256, vocabulary.required("<|endoftext|>").intValue());
    assertEquals(0, vocabulary.required("!").intValue());
    assertEquals(262, vocabulary.required("Ġthe").intValue());
    assertEquals(198, vocabulary.required("Ċ").intValue());
    assertEquals(50_001, merges.size());
    assertEquals(50_000, RANKS.size(), "each pair once");
    assertEquals(List.of("#version: 0.2", "Ġ t", "Ġ a", "h e", "i n", "r e"), merges.subList(0, 6));
  }
}
