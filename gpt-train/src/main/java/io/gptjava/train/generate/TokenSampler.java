package io.gptjava.train.generate;

import io.gptjava.core.Philox;
import java.util.Arrays;

/**
 * Chooses tokens from logits. The draw for the n-th new token comes from the {@link Philox} stream
 * at index n, so a continuation depends on the seed and on nothing that ran before.
 */
public final class TokenSampler {
  private final Sampling sampling;
  private final double[] probabilities; // (V)
  private final long[] order; // (V) sortable logit in the upper half, token in the lower
  private final int[] words = new int[4];

  /**
   * A sampler.
   *
   * @param vocabulary V
   */
  public TokenSampler(Sampling sampling, int vocabulary) {
    this.sampling = sampling;
    this.probabilities = new double[vocabulary];
    this.order = new long[vocabulary];
  }

  /**
   * Chooses the n-th new token.
   *
   * @param logits (V); NaN counts as impossible
   * @param n from 0
   */
  public int next(float[] logits, long n) {
    if (sampling.temperature() == 0) {
      return argmax(logits);
    }
    double[] p = probabilities(logits);
    Philox.block(sampling.seed(), n, 0, Philox.PURPOSE_SAMPLING, 0, words, 0);
    long bits = (words[0] & 0xFFFFFFFFL) << 21 ^ (words[1] & 0xFFFFFFFFL) >>> 11;
    double u = bits * 0x1p-53;
    double sum = 0;
    int last = argmax(logits);
    for (int i = 0; i < p.length; i++) {
      if (p[i] > 0) {
        sum += p[i];
        last = i;
        if (u < sum) {
          return i;
        }
      }
    }
    return last; // rounding left the sum just below u
  }

  /**
   * The distribution that {@link #next} draws from: softmax of the scaled logits over the tokens
   * that top-k and top-p leave.
   *
   * @param logits (V)
   * @return (V), valid until the next call
   */
  public double[] probabilities(float[] logits) {
    double threshold = sampling.topK() > 0 ? kthLargest(logits) : Double.NEGATIVE_INFINITY;
    double temperature = sampling.temperature() == 0 ? 1 : sampling.temperature();
    double max = logits[argmax(logits)];
    double sum = 0;
    for (int i = 0; i < logits.length; i++) {
      double p = logits[i] >= threshold ? Math.exp((logits[i] - max) / temperature) : 0;
      probabilities[i] = p;
      sum += p;
    }
    scale(1 / sum);
    if (sampling.topP() < 1) {
      keepNucleus(logits);
    }
    return probabilities;
  }

  private double kthLargest(float[] logits) {
    if (sampling.topK() >= logits.length) {
      return Double.NEGATIVE_INFINITY;
    }
    sortByLogit(logits);
    return logits[(int) order[logits.length - sampling.topK()]];
  }

  private void keepNucleus(float[] logits) {
    sortByLogit(logits);
    double sum = 0;
    int i = order.length - 1;
    for (; i >= 0 && sum < sampling.topP(); i--) {
      sum += probabilities[(int) order[i]];
    }
    for (; i >= 0; i--) {
      probabilities[(int) order[i]] = 0;
    }
    scale(1 / sum);
  }

  private void scale(double factor) {
    for (int i = 0; i < probabilities.length; i++) {
      probabilities[i] *= factor;
    }
  }

  /** Ascending by logit; NaN first. */
  private void sortByLogit(float[] logits) {
    for (int i = 0; i < logits.length; i++) {
      float x = Float.isNaN(logits[i]) ? Float.NEGATIVE_INFINITY : logits[i];
      int bits = Float.floatToIntBits(x);
      int sortable = bits ^ (bits >> 31 & Integer.MAX_VALUE);
      order[i] = (long) sortable << 32 | i;
    }
    Arrays.sort(order);
  }

  private static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best] || Float.isNaN(logits[best])) {
        best = i;
      }
    }
    return best;
  }
}
