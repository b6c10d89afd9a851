package io.gptjava.train.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import org.junit.jupiter.api.Test;

class TokenSamplerTest {
  /** Next-token logits of the textbook's toy vocabulary. */
  private static final float[] LOGITS = {
    4.51f, 0.89f, -1.90f, 6.75f, 1.63f, -1.62f, -1.89f, 6.28f, 1.79f
  };

  @Test
  void topThreeOfTheTextbook() {
    double[] p = new TokenSampler(new Sampling(1, 3, 1, 0), 9).probabilities(LOGITS);
    assertArrayEquals(new double[] {0.0615, 0, 0, 0.5775, 0, 0, 0, 0.3610, 0}, p, 5e-5);
  }

  @Test
  void temperatureDividesLogits() {
    double[] p = new TokenSampler(new Sampling(5, 0, 1, 0), 9).probabilities(LOGITS);
    double sum = 0;
    for (float logit : LOGITS) {
      sum += Math.exp(logit / 5.0);
    }
    for (int i = 0; i < 9; i++) {
      assertEquals(Math.exp(LOGITS[i] / 5.0) / sum, p[i], 1e-12);
    }
  }

  @Test
  void nucleusKeepsTheTokenThatCrossesTheThreshold() {
    double[] p = new TokenSampler(new Sampling(1, 0, 0.6, 0), 9).probabilities(LOGITS);
    double both = Math.exp(6.75f) + Math.exp(6.28f);
    assertEquals(Math.exp(6.75f) / both, p[3], 1e-12);
    assertEquals(Math.exp(6.28f) / both, p[7], 1e-12);
    assertEquals(0, p[0]);
  }

  @Test
  void frequenciesFollowTheDistribution() {
    TokenSampler sampler = new TokenSampler(new Sampling(1, 3, 1, 7), 9);
    int[] counts = new int[9];
    int draws = 20_000;
    for (int n = 0; n < draws; n++) {
      counts[sampler.next(LOGITS, n)]++;
    }
    double[] p = sampler.probabilities(LOGITS);
    for (int i = 0; i < 9; i++) {
      double deviation = Math.sqrt(draws * p[i] * (1 - p[i]));
      assertTrue(Math.abs(counts[i] - draws * p[i]) <= 4.5 * deviation, "token " + i);
    }
  }

  @Test
  void drawsDependOnSeedAndPlaceOnly() {
    Sampling sampling = new Sampling(1.3, 0, 0.95, 11);
    TokenSampler one = new TokenSampler(sampling, 9);
    TokenSampler other = new TokenSampler(sampling, 9);
    int tenth = one.next(LOGITS, 10);
    other.next(LOGITS, 3);
    assertEquals(tenth, other.next(LOGITS, 10));
  }

  @Test
  void greedyTakesTheFirstOfEqualsAndPassesOverNan() {
    TokenSampler sampler = new TokenSampler(Sampling.GREEDY, 4);
    assertEquals(1, sampler.next(new float[] {Float.NaN, 2, 2, 1}, 0));
    assertEquals(3, sampler.next(new float[] {-3, Float.NEGATIVE_INFINITY, -2, -1}, 0));
  }

  @Test
  void badSettingsAreUsageErrors() {
    for (Runnable bad :
        new Runnable[] {
          () -> new Sampling(-1, 0, 1, 0),
          () -> new Sampling(Double.NaN, 0, 1, 0),
          () -> new Sampling(1, -1, 1, 0),
          () -> new Sampling(1, 0, 0, 0),
          () -> new Sampling(1, 0, 1.1, 0)
        }) {
      assertEquals(Failure.USAGE, assertThrows(GptException.class, bad::run).failure());
    }
  }
}
