package io.gptjava.core.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class WordTableTest {
  @Test
  void mergingTheBytesOfATokenGivesThatToken() {
    Gpt2Tokenizer tokenizer = new Gpt2Tokenizer();
    byte[][] tokens = new byte[tokenizer.endOfText()][];
    for (int id = 0; id < tokens.length; id++) {
      tokens[id] = tokenizer.bytes(id);
    }
    PairTable pairs = new PairTable(tokens);
    WordTable words = new WordTable(tokens);
    int found = 0;
    for (int id = 0; id < tokens.length; id++) {
      BytePairEncoder encoder = new BytePairEncoder(pairs);
      encoder.encode(tokens[id], tokens[id].length);
      assertArrayEquals(new int[] {id}, encoder.tokens(), "token " + id);
      String text = new String(tokens[id], StandardCharsets.ISO_8859_1);
      boolean ascii = text.chars().allMatch(c -> c < 0x80);
      boolean inside = ascii && text.length() <= WordTable.LONGEST;
      assertEquals(inside ? id : WordTable.NONE, words.find("x" + text, 1, 1 + text.length()));
      found += inside ? 1 : 0;
    }
    assertTrue(found > 45_000, found + " words");
  }

  @Test
  void whatIsNoTokenIsNotFound() {
    WordTable words =
        new WordTable(
            new byte[][] {{'a'}, {'a', 0}, "fifteen letters".getBytes(StandardCharsets.US_ASCII)});
    assertEquals(0, words.find("a", 0, 1));
    assertEquals(1, words.find("a\0", 0, 2));
    assertEquals(2, words.find("fifteen letters", 0, 15));
    assertEquals(WordTable.NONE, words.find("a\0\0", 0, 3));
    assertEquals(WordTable.NONE, words.find("ā", 0, 1)); // U+0101: its low byte is no letter
    assertEquals(WordTable.NONE, words.find("fifteen letters!", 0, 16));
    assertEquals(WordTable.NONE, words.find("", 0, 0));
  }
}
