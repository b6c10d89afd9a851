package io.gptjava.core.tokenizer;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The trial texts, which are not part of the project. */
final class TrialTexts {
  private TrialTexts() {}

  static String read(String name) throws IOException {
    String folder = System.getenv("GPT_TEST_DATA");
    assumeTrue(folder != null, "GPT_TEST_DATA does not name the folder of the trial texts");
    return Files.readString(Path.of(folder, name));
  }
}
