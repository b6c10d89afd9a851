package io.gptjava.train.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.model.Decoder;
import io.gptjava.train.model.Float64GptAccess;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.WeightInitializer;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Generation with the key/value cache against a full float64 forward pass for every token. */
class GeneratorTest {
  private static final GptConfig CONFIG = new GptConfig(31, 9, 12, 2, 3, 0.1f, true, false);

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void cachedGreedyEqualsFullForwardWithinAndPastTheContext(String name) {
    try (Backend backend = Backends.open(name, BackendOptions.DEFAULT.withThreads(2))) {
      GptModel model = model(backend);
      try (Decoder decoder = new Decoder(backend, CONFIG, model.weights())) {
        int[] prompt = {3, 14, 15, 9};
        int[] tokens = new Generator(decoder).generate(prompt, 12, Sampling.GREEDY, t -> true);
        assertEquals(16, tokens.length);
        for (int n = prompt.length; n < tokens.length; n++) {
          int[] window = Arrays.copyOfRange(tokens, Math.max(0, n - 9), n);
          double[] logits = Float64GptAccess.lastLogits(CONFIG, model.masters(), window);
          int best = 0;
          for (int v = 1; v < logits.length; v++) {
            best = logits[v] > logits[best] ? v : best;
          }
          assertEquals(best, tokens[n], "token " + n);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void cachedLogitsEqualFloat64HoweverTheyAreAppended(String name) {
    try (Backend backend = Backends.open(name, BackendOptions.DEFAULT.withThreads(2))) {
      GptModel model = model(backend);
      try (Decoder decoder = new Decoder(backend, CONFIG, model.weights())) {
        int[] ids = {1, 2, 30, 4, 4, 0, 7};
        double[] expected = Float64GptAccess.lastLogits(CONFIG, model.masters(), ids);
        float[] logits = new float[CONFIG.vocabularySize()];
        for (int split : new int[] {1, 3, 6}) {
          decoder.reset();
          decoder.append(ids, 0, split, logits);
          decoder.append(ids, split, ids.length, logits);
          for (int v = 0; v < logits.length; v++) {
            assertEquals(expected[v], logits[v], 2e-5, "split " + split + ", token " + v);
          }
        }
      }
    }
  }

  @Test
  void aPenaltyKeepsGreedyFromRepeatingAndLogProbabilitiesAreTheModels() {
    try (Backend backend = Backends.open("reference", BackendOptions.DEFAULT)) {
      GptModel model = model(backend);
      try (Decoder decoder = new Decoder(backend, CONFIG, model.weights())) {
        Generator generator = new Generator(decoder);
        int[] prompt = {3, 14, 15};
        Sampling strong = new Sampling(0, 0, 1, 0, 1e6);
        int[] distinct = generator.generate(prompt, 12, strong, t -> true);
        assertEquals(15, Arrays.stream(distinct).distinct().count());
        Sampling none = new Sampling(0, 0, 1, 0, 1);
        int[] greedy =
            generator.generate(
                prompt,
                1,
                none,
                token -> {
                  double[] logits = Float64GptAccess.lastLogits(CONFIG, model.masters(), prompt);
                  double sum = Arrays.stream(logits).map(Math::exp).sum();
                  for (int v = 0; v < logits.length; v++) {
                    assertEquals(
                        logits[v] - Math.log(sum), generator.logProbability(v), 5e-5, "token " + v);
                  }
                  return true;
                });
        assertEquals(4, greedy.length);
        assertThrows(GptException.class, () -> new Sampling(0, 0, 1, 0, 0));
      }
    }
  }

  @Test
  void longPromptsAreCroppedAndTokensCanEndIt() {
    try (Backend backend = Backends.open("reference", BackendOptions.DEFAULT)) {
      GptModel model = model(backend);
      try (Decoder decoder = new Decoder(backend, CONFIG, model.weights())) {
        Generator generator = new Generator(decoder);
        int[] prompt = new int[20];
        Arrays.setAll(prompt, i -> i);
        int[] whole = generator.generate(prompt, 3, Sampling.GREEDY, t -> true);
        int[] cropped =
            generator.generate(Arrays.copyOfRange(prompt, 11, 20), 3, Sampling.GREEDY, t -> true);
        assertArrayEquals(Arrays.copyOfRange(cropped, 9, 12), Arrays.copyOfRange(whole, 20, 23));
        assertEquals(21, generator.generate(prompt, 3, Sampling.GREEDY, t -> false).length);
        assertArrayEquals(prompt, generator.generate(prompt, 0, Sampling.GREEDY, t -> true));
      }
    }
  }

  @Test
  void emptyPromptsAndForeignTokensAreUsageErrors() {
    try (Backend backend = Backends.open("reference", BackendOptions.DEFAULT)) {
      try (Decoder decoder = new Decoder(backend, CONFIG, model(backend).weights())) {
        Generator generator = new Generator(decoder);
        for (int[] prompt : new int[][] {{}, {31}, {-1}}) {
          GptException e =
              assertThrows(
                  GptException.class,
                  () -> generator.generate(prompt, 1, Sampling.GREEDY, t -> true));
          assertEquals(Failure.USAGE, e.failure());
        }
      }
    }
  }

  private static GptModel model(Backend backend) {
    GptModel model = new GptModel(backend, CONFIG, 1, 1, false);
    new WeightInitializer(Initialization.PYTORCH, 5, CONFIG.layers())
        .initialize(backend, model.layout(), model.masters());
    return model;
  }
}
