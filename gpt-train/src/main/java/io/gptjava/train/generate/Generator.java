package io.gptjava.train.generate;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.model.Decoder;
import java.util.Arrays;
import java.util.function.IntPredicate;

/**
 * Continues a sequence of tokens. Within the context length every token costs one row, thanks to
 * the decoder's cache; past it the window slides, and since GPT-2's positions are absolute, each
 * further token recomputes the last {@code contextLength} tokens.
 */
public final class Generator {
  private final Decoder decoder;
  private final float[] logits; // (V)
  private final float[] penalised; // (V)

  /** A generator on a decoder, which it resets for every prompt. */
  public Generator(Decoder decoder) {
    this.decoder = decoder;
    this.logits = new float[decoder.config().vocabularySize()];
    this.penalised = new float[logits.length];
  }

  /**
   * Generates up to {@code maxNewTokens} tokens.
   *
   * @param prompt at least one token; only the last {@code contextLength} take part
   * @param onToken hears each new token and says whether to go on; a token refused is still
   *     returned
   * @return prompt and continuation
   * @throws GptException with {@link Failure#USAGE} for an empty prompt or a token the model lacks
   */
  public int[] generate(int[] prompt, int maxNewTokens, Sampling sampling, IntPredicate onToken) {
    check(prompt);
    int context = decoder.config().contextLength();
    TokenSampler sampler = new TokenSampler(sampling, logits.length);
    int[] tokens = Arrays.copyOf(prompt, Math.addExact(prompt.length, maxNewTokens));
    int length = prompt.length;
    int computed = Math.max(0, length - context);
    decoder.reset();
    for (int n = 0; n < maxNewTokens; n++) {
      if (length - computed + decoder.position() > context) {
        decoder.reset();
        computed = length - context;
      }
      decoder.append(tokens, computed, length, logits);
      computed = length;
      tokens[length] = sampler.next(penalise(sampling, tokens, length), n);
      length++;
      if (!onToken.test(tokens[length - 1])) {
        break;
      }
    }
    return Arrays.copyOf(tokens, length);
  }

  /** The logits, lower for tokens that the text has. */
  private float[] penalise(Sampling sampling, int[] tokens, int length) {
    double penalty = sampling.repetitionPenalty();
    if (penalty == 1) {
      return logits;
    }
    System.arraycopy(logits, 0, penalised, 0, logits.length);
    for (int i = 0; i < length; i++) {
      float x = logits[tokens[i]];
      penalised[tokens[i]] = (float) (x > 0 ? x / penalty : x * penalty);
    }
    return penalised;
  }

  /**
   * Natural logarithm of the probability that the model gives a token at the place of the last one
   * generated, before temperature, penalty and the like. To be called while that one is heard.
   */
  public double logProbability(int token) {
    double max = Double.NEGATIVE_INFINITY;
    for (float x : logits) {
      max = Math.max(max, x);
    }
    double sum = 0;
    for (float x : logits) {
      sum += Math.exp(x - max);
    }
    return logits[token] - max - Math.log(sum);
  }

  private void check(int[] prompt) {
    if (prompt.length == 0) {
      throw new GptException(Failure.USAGE, "the prompt is empty; give at least one character");
    }
    for (int token : prompt) {
      if (token < 0 || token >= logits.length) {
        throw new GptException(
            Failure.USAGE,
            "the prompt has token %d, but the model's vocabulary ends at %d"
                .formatted(token, logits.length - 1));
      }
    }
  }
}
