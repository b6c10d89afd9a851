package io.gptjava.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Shapes of models. */
final class GptConfigTest {
  @Test
  void textbookModel() {
    GptConfig config = new GptConfig(50_257, 256, 768, 12, 12, 0.1f, false, false);
    assertEquals(162_419_712, config.parameterCount());
    assertEquals(64, config.headSize());
    assertEquals(50_304, config.paddedVocabularySize());
  }

  /** OpenAI's four sizes, tied head, biases everywhere. */
  @ParameterizedTest
  @CsvSource({
    "768, 12, 12, 124439808",
    "1024, 24, 16, 354823168",
    "1280, 36, 20, 774030080",
    "1600, 48, 25, 1557611200"
  })
  void gpt2(int width, int layers, int heads, long parameters) {
    GptConfig config = new GptConfig(50_257, 1024, width, layers, heads, 0.1f, true, true);
    assertEquals(parameters, config.parameterCount());
  }

  @ParameterizedTest
  @CsvSource({"1, 128", "128, 128", "129, 256", "256, 256"})
  void vocabularyIsPadded(int vocabulary, int padded) {
    assertEquals(
        padded, new GptConfig(vocabulary, 8, 8, 1, 1, 0, true, true).paddedVocabularySize());
  }

  @ParameterizedTest
  @CsvSource({
    "0, 8, 8, 1, 1, 0, --vocab-size",
    "9, 0, 8, 1, 1, 0, --context-length",
    "9, 8, 0, 1, 1, 0, --width",
    "9, 8, 8, 0, 1, 0, --layers",
    "9, 8, 8, 1, 0, 0, --heads",
    "9, 8, 8, 1, 3, 0, --heads",
    "9, 8, 8, 1, 1, 1, --dropout",
    "9, 8, 8, 1, 1, NaN, --dropout",
    "9, 8, 8, 1, 1, -0.1, --dropout"
  })
  void namesTheFlagThatCannotWork(
      int vocabulary, int context, int width, int layers, int heads, float dropout, String flag) {
    GptException e =
        assertThrows(
            GptException.class,
            () -> new GptConfig(vocabulary, context, width, layers, heads, dropout, true, true));
    assertEquals(Failure.USAGE, e.failure());
    assertTrue(e.getMessage().contains(flag), e.getMessage());
  }
}
