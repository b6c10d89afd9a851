package io.gptjava.cli.model;

import io.gptjava.core.Backend;
import io.gptjava.core.GptConfig;
import io.gptjava.train.formats.ModelWeights;
import io.gptjava.train.model.Decoder;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.run.FlatParameters;
import java.util.function.Supplier;

/** Compares what two files of one model compute. */
public final class LogitCheck {
  /** "Every effort moves you" and what GPT-2 might say next; ids of its tokenizer. */
  private static final int[] PROMPT = {6109, 3626, 6100, 345, 2651, 13, 198, 464, 10530, 318};

  private LogitCheck() {}

  /**
   * A difference.
   *
   * @param largest between two logits; 0 if they are the same bits, NaN if only one is a number
   * @param tokens of the prompt, at each of which all logits were compared
   */
  public record Difference(double largest, int tokens) {}

  /**
   * Computes the logits of both on a fixed prompt (its ids modulo the vocabulary).
   *
   * @param backend opens one; called once for each, so that two models are never in memory at once
   */
  public static Difference compare(
      Supplier<Backend> backend, ModelWeights one, ModelWeights other) {
    float[][] first = logits(backend, one);
    float[][] second = logits(backend, other);
    double largest = 0;
    for (int t = 0; t < first.length; t++) {
      for (int v = 0; v < first[t].length; v++) {
        // Float.compare: equal for two NaN, too.
        if (Float.compare(first[t][v], second[t][v]) != 0) {
          largest = Math.max(largest, Math.abs((double) first[t][v] - second[t][v]));
        }
      }
    }
    return new Difference(largest, first.length);
  }

  /** Logits (T, V) after each token of the prompt. */
  private static float[][] logits(Supplier<Backend> opening, ModelWeights weights) {
    GptConfig config = weights.config();
    int length = Math.min(PROMPT.length, config.contextLength());
    float[][] logits = new float[length][config.vocabularySize()];
    try (Backend backend = opening.get()) {
      GptModel model = new GptModel(backend, config, 1, 1, false);
      new FlatParameters(backend, model.layout(), model.masters()).write(weights::copy);
      model.mastersChanged();
      try (Decoder decoder = new Decoder(backend, config, model.weights())) {
        for (int t = 0; t < length; t++) {
          int[] token = {PROMPT[t] % config.vocabularySize()};
          decoder.append(token, 0, 1, logits[t]);
        }
      }
    }
    return logits;
  }
}
