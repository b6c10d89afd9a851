package io.gptjava.core.contract;

import static io.gptjava.core.contract.Data.maxAbs;

import io.gptjava.core.Dropout;
import io.gptjava.core.Philox;
import io.gptjava.core.Tensor;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention. Sizes are samples B, positions T, heads NH, head size HS, deviation of q and k. */
public abstract class AttentionContract extends OpContract {
  private static final Dropout DROPOUT = Dropout.of(0.2f, Philox.PURPOSE_ATTENTION_DROPOUT, 11);

  private record Case(int b, int t, int heads, int size, float[] qkv) {
    static Case of(int b, int t, int heads, int size, double deviation) {
      int c = heads * size;
      Data data = new Data(t * 131L + size);
      float[] qkv = data.normal((long) b * t * 3 * c, 0, 1);
      for (int i = 0; i < qkv.length; i++) {
        qkv[i] *= i % (3 * c) < 2 * c ? (float) deviation : 1;
      }
      return new Case(b, t, heads, size, qkv);
    }

    int c() {
      return heads * size;
    }

    /** Documents of changing lengths in sample 0, left padding of other samples. */
    int[] firstVisible() {
      int[] first = new int[b * t];
      Data data = new Data(t);
      for (int sample = 0; sample < b; sample++) {
        int start = 0;
        int padding = t / 3;
        for (int i = 0; i < t; i++) {
          if (sample == 0) {
            start = data.next(5) == 0 ? i : start;
          } else {
            start = Math.min(i, padding);
          }
          first[sample * t + i] = start;
        }
      }
      return first;
    }

    /** Largest value of one third of qkv (0 q, 1 k, 2 v). */
    double max(int third) {
      double max = 0;
      for (int i = 0; i < qkv.length; i++) {
        if (i % (3 * c()) / c() == third) {
          max = Math.max(max, Math.abs(qkv[i]));
        }
      }
      return max;
    }

    /** Largest Σ|a||b| of a row of {@code left} and a row of one third, within a head. */
    double maxDot(float[] left, int leftWidth, int leftStart, int third) {
      double max = 0;
      for (int sample = 0; sample < b; sample++) {
        for (int h = 0; h < heads; h++) {
          for (int i = 0; i < t; i++) {
            for (int j = 0; j <= i; j++) {
              int a = (sample * t + i) * leftWidth + leftStart + h * size;
              int k = (sample * t + j) * 3 * c() + third * c() + h * size;
              double sum = 0;
              for (int d = 0; d < size; d++) {
                sum += Math.abs(left[a + d] * qkv[k + d]);
              }
              max = Math.max(max, sum);
            }
          }
        }
      }
      return max;
    }

    /**
     * Relative error, in roundoffs, of a softmax weight: exp turns the absolute error of the score
     * (its terms' magnitude times 4, see below) and of the row's log-sum-exp into a relative one.
     */
    double weightRoundoffs() {
      double score = maxDot(qkv, 3 * c(), 0, 1) / Math.sqrt(size);
      return DOT_ROUNDOFFS * score + score + Math.log(t) + 8;
    }
  }

  /**
   * Roundoffs of a dot product relative to Σ|a||b|, for operands of random signs: partial sums stay
   * near √K·σ², so K roundings of random sign add up to about K·σ² ≈ 1.6·Σ|a||b|.
   */
  private static final double DOT_ROUNDOFFS = 4;

  @ParameterizedTest
  @CsvSource({
    "1,1,1,16,1",
    "2,17,3,5,1",
    "1,64,2,32,1",
    "2,67,2,64,1",
    "1,130,1,80,1",
    "2,67,3,16,4",
    "1,33,1,64,12"
  })
  void attention(int b, int t, int heads, int size, double deviation) {
    Case z = Case.of(b, t, heads, size, deviation);
    double roundoffs = z.weightRoundoffs() + Tolerance.sumRoundoffs(t);
    for (int[] first : new int[][] {null, z.firstVisible()}) {
      for (Dropout dropout : new Dropout[] {Dropout.NONE, DROPOUT}) {
        compare(s -> forward(s, z, first, dropout))
            .within("out", Tolerance.uniform(roundoffs, z.max(2) * dropout.scale()))
            .within("logSumExp", Tolerance.uniform(z.weightRoundoffs(), 1));
      }
    }
  }

  private static void forward(Stage s, Case z, int[] first, Dropout dropout) {
    s.ops()
        .attention(
            s.floats(z.qkv, z.b, z.t, 3L * z.c()),
            s.intsOrNull(first, z.b, z.t),
            z.heads,
            dropout,
            s.output("out", z.b, z.t, z.c()),
            s.output("logSumExp", z.b, z.heads, z.t));
  }

  @ParameterizedTest
  @CsvSource({
    "1,1,1,16,1",
    "2,17,3,5,1",
    "1,64,2,32,1",
    "2,67,2,64,1",
    "1,130,1,80,1",
    "2,67,3,16,4"
  })
  void attentionBackward(int b, int t, int heads, int size, double deviation) {
    Case z = Case.of(b, t, heads, size, deviation);
    float[] dOut = new Data(3).normal((long) b * t * z.c());
    float[] ones = new float[dOut.length];
    Arrays.fill(ones, 1);
    for (int[] first : new int[][] {null, z.firstVisible()}) {
      for (Dropout dropout : new Dropout[] {Dropout.NONE, DROPOUT}) {
        float[] out = reference("out", s -> forward(s, z, first, dropout));
        float[] lse = reference("logSumExp", s -> forward(s, z, first, dropout));
        Comparison c = compare(s -> backward(s, z, dOut, out, lse, first, dropout));
        // With gradients of 1, dv is the sum of a key's weights over the queries.
        float[] sums =
            third(z, reference("dQkv", s -> backward(s, z, ones, out, lse, first, dropout)), 2);
        double perKey = Math.max(1, maxAbs(sums));
        double dWeight = dropout.scale() * z.maxDot(dOut, z.c(), 0, 2);
        double roundoffs = z.weightRoundoffs() + DOT_ROUNDOFFS + Tolerance.sumRoundoffs(t);
        double dScore = 2 * dWeight / Math.sqrt(size); // dP − D, both at most dWeight
        check(z, c, 0, Tolerance.uniform(roundoffs, dScore * z.max(1)));
        check(z, c, 1, Tolerance.uniform(roundoffs, dScore * z.max(0) * perKey));
        check(z, c, 2, Tolerance.uniform(roundoffs, maxAbs(dOut) * perKey));
      }
    }
  }

  private static void check(Case z, Comparison c, int third, Tolerance tolerance) {
    Comparison.assertWithin(
        "d" + "qkv".charAt(third),
        third(z, c.expected("dQkv"), third),
        third(z, c.actual("dQkv"), third),
        tolerance);
  }

  private static float[] third(Case z, float[] qkv, int third) {
    float[] part = new float[qkv.length / 3];
    for (int row = 0; row < z.b * z.t; row++) {
      System.arraycopy(qkv, (row * 3 + third) * z.c(), part, row * z.c(), z.c());
    }
    return part;
  }

  private static void backward(
      Stage s, Case z, float[] dOut, float[] out, float[] lse, int[] first, Dropout dropout) {
    s.ops()
        .attentionBackward(
            s.floats(dOut, z.b, z.t, z.c()),
            s.floats(z.qkv, z.b, z.t, 3L * z.c()),
            s.floats(out, z.b, z.t, z.c()),
            s.floats(lse, z.b, z.heads, z.t),
            s.intsOrNull(first, z.b, z.t),
            z.heads,
            dropout,
            s.output("dQkv", z.b, z.t, 3L * z.c()),
            s.workspace(s.ops().attentionBackwardWorkspace(z.b, z.t, z.c(), z.heads)));
  }

  /** A prompt, then one position at a time, in a cache with room to spare. */
  @ParameterizedTest
  @CsvSource({"1,1,1,16,1", "2,17,3,5,1", "1,67,2,64,1", "3,5,2,80,4", "1,130,1,32,1"})
  void cachedAttention(int b, int t, int heads, int size, double deviation) {
    Case z = Case.of(b, t, heads, size, deviation);
    Case next = Case.of(b, 1, heads, size, deviation);
    int capacity = t + 4;
    float[] cache = new float[b * heads * capacity * size];
    Arrays.fill(cache, Float.NaN); // what is beyond the last position must not be looked at
    double score = Math.sqrt(size) * z.max(0) * z.max(1);
    double roundoffs = DOT_ROUNDOFFS * score + Math.log(t) + 8 + Tolerance.sumRoundoffs(t);
    Comparison c =
        compare(
            s -> {
              Tensor keys = s.inOut("keys", cache, b, heads, capacity, size);
              Tensor values = s.inOut("values", cache, b, heads, capacity, size);
              Tensor prompt = s.floats(z.qkv, b, t, 3L * z.c());
              s.ops().cachedAttention(prompt, keys, values, 0, s.output("prompt", b, t, z.c()));
              Tensor one = s.floats(next.qkv, b, 1, 3L * z.c());
              s.ops().cachedAttention(one, keys, values, t, s.output("one", b, 1, z.c()));
              Tensor two = s.floats(next.qkv, b, 1, 3L * z.c());
              s.ops().cachedAttention(two, keys, values, t + 1, s.output("two", b, 1, z.c()));
            });
    c.sameBits("keys").sameBits("values");
    double largest = Math.max(z.max(2), next.max(2));
    for (String name : new String[] {"prompt", "one", "two"}) {
      c.within(name, Tolerance.uniform(roundoffs, largest));
    }
  }
}
