package io.gptjava.train.generate;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;

/**
 * How the next token is chosen.
 *
 * @param temperature logits are divided by it; 0 takes the most likely token (greedy)
 * @param topK only the k most likely tokens take part; 0 for all
 * @param topP only the most likely tokens that together reach this probability take part (Holtzman
 *     et al., 2020); 1 for all
 * @param seed of the random stream
 * @param repetitionPenalty logits of tokens that the text has already are divided by it where they
 *     are positive and multiplied where not (Keskar et al., 2019); 1 for none
 */
public record Sampling(
    double temperature, int topK, double topP, long seed, double repetitionPenalty) {
  /** Always the most likely token. */
  public static final Sampling GREEDY = new Sampling(0, 0, 1, 0);

  /** Validates; throws {@link GptException} with {@link Failure#USAGE}. */
  public Sampling {
    if (!(temperature >= 0) || Double.isInfinite(temperature)) {
      throw usage("--temperature", temperature, "must be 0 (greedy) or more");
    }
    if (topK < 0) {
      throw usage("--top-k", topK, "must be 0 (all) or more");
    }
    if (!(topP > 0 && topP <= 1)) {
      throw usage("--top-p", topP, "must be in (0, 1]");
    }
    if (!(repetitionPenalty > 0) || Double.isInfinite(repetitionPenalty)) {
      throw usage("--repetition-penalty", repetitionPenalty, "must be more than 0; 1 is none");
    }
  }

  /** Without a repetition penalty. */
  public Sampling(double temperature, int topK, double topP, long seed) {
    this(temperature, topK, topP, seed, 1);
  }

  private static GptException usage(String flag, Object value, String rule) {
    return new GptException(Failure.USAGE, flag + " " + value + ": " + rule);
  }
}
