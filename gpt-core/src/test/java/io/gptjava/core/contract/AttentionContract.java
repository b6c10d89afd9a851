package io.gptjava.core.contract;

import io.gptjava.core.Dropout;
import io.gptjava.core.Philox;
import io.gptjava.core.Tensor;
import java.lang.reflect.Array;
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

    AttentionBounds bounds(float[] dOut, int[] first, Dropout dropout, double stored) {
      return new AttentionBounds(qkv, dOut, first, b, t, heads, size, dropout.scale(), stored);
    }

    /** Positions {@code from} (inclusive) to {@code to} (exclusive) of all samples of (B, T, w). */
    <A> A positions(A source, A target, int from, int to) {
      int width = Array.getLength(source) / b / t;
      int part = (to - from) * width;
      for (int sample = 0; sample < b; sample++) {
        System.arraycopy(source, (sample * t + from) * width, target, sample * part, part);
      }
      return target;
    }
  }

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
    float[] dOut = new float[b * t * z.c()];
    for (int[] first : new int[][] {null, z.firstVisible()}) {
      for (Dropout dropout : new Dropout[] {Dropout.NONE, DROPOUT}) {
        AttentionBounds bounds = z.bounds(dOut, first, dropout, storedRoundoffs());
        compare(s -> forward(s, z, first, dropout))
            .within("out", Tolerance.scaled(1, bounds.out))
            .within("logSumExp", Tolerance.scaled(1, bounds.logSumExp));
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
            s.output32("logSumExp", z.b, z.heads, z.t));
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
    for (int[] first : new int[][] {null, z.firstVisible()}) {
      for (Dropout dropout : new Dropout[] {Dropout.NONE, DROPOUT}) {
        float[] out = reference("out", s -> forward(s, z, first, dropout));
        float[] lse = reference("logSumExp", s -> forward(s, z, first, dropout));
        Comparison c = compare(s -> backward(s, z, dOut, out, lse, first, dropout));
        c.within(
            "dQkv", Tolerance.scaled(1, z.bounds(dOut, first, dropout, storedRoundoffs()).dQkv));
      }
    }
  }

  private static void backward(
      Stage s, Case z, float[] dOut, float[] out, float[] lse, int[] first, Dropout dropout) {
    s.ops()
        .attentionBackward(
            s.floats(dOut, z.b, z.t, z.c()),
            s.floats(z.qkv, z.b, z.t, 3L * z.c()),
            s.floats(out, z.b, z.t, z.c()),
            s.floats32(lse, z.b, z.heads, z.t),
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
    Case z = Case.of(b, t + 2, heads, size, deviation);
    int c = z.c();
    int capacity = t + 4;
    float[] cache = new float[b * heads * capacity * size];
    Arrays.fill(cache, Float.NaN); // what is beyond the last position must not be looked at
    int[] ends = {0, t, t + 1, t + 2};
    Comparison comparison =
        compare(
            s -> {
              Tensor keys = s.inOut("keys", cache, b, heads, capacity, size);
              Tensor values = s.inOut("values", cache, b, heads, capacity, size);
              for (int part = 0; part < 3; part++) {
                int from = ends[part];
                int n = ends[part + 1] - from;
                float[] qkv = z.positions(z.qkv, new float[b * n * 3 * c], from, from + n);
                Tensor out = s.output("out" + part, b, n, c);
                s.ops().cachedAttention(s.floats(qkv, b, n, 3L * c), keys, values, from, out);
              }
            });
    comparison.sameBits("keys").sameBits("values");
    double[] bounds =
        z.bounds(new float[b * (t + 2) * c], null, Dropout.NONE, storedRoundoffs()).out;
    for (int part = 0; part < 3; part++) {
      int from = ends[part];
      int to = ends[part + 1];
      double[] allowed = z.positions(bounds, new double[b * (to - from) * c], from, to);
      comparison.within("out" + part, Tolerance.scaled(1, allowed));
    }
  }
}
