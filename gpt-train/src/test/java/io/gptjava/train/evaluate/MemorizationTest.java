package io.gptjava.train.evaluate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.train.data.TokenBuffer;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MemorizationTest {
  @Test
  void theLongestSharedRunIsFound() {
    Random random = new Random(6);
    for (int i = 0; i < 500; i++) {
      int[] sample = tokens(random, random.nextInt(30));
      int[] text = tokens(random, random.nextInt(60));
      Memorization.Match match = Memorization.longest(sample, TokenBuffer.of(text));
      assertEquals(bruteForce(sample, text), match.length());
      int textFrom = (int) match.textFrom();
      assertArrayEquals(
          Arrays.copyOfRange(sample, match.sampleFrom(), match.sampleFrom() + match.length()),
          Arrays.copyOfRange(text, textFrom, textFrom + match.length()));
    }
  }

  private static int[] tokens(Random random, int count) {
    int kinds = 1 + random.nextInt(4);
    return random.ints(count, 0, kinds).toArray();
  }

  private static int bruteForce(int[] sample, int[] text) {
    int longest = 0;
    for (int i = 0; i < sample.length; i++) {
      for (int j = 0; j < text.length; j++) {
        int n = 0;
        while (i + n < sample.length && j + n < text.length && sample[i + n] == text[j + n]) {
          n++;
        }
        longest = Math.max(longest, n);
      }
    }
    return longest;
  }

  @Test
  void aLongSampleOfOneTokenTakesLinearTime() {
    int[] sample = new int[200_000];
    int[] text = new int[300_000];
    text[150_000] = 1;
    assertEquals(
        new Memorization.Match(150_000, 0, 0), Memorization.longest(sample, TokenBuffer.of(text)));
  }
}
