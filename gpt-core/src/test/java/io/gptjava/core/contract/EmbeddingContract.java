package io.gptjava.core.contract;

import static io.gptjava.core.contract.Data.abs;
import static io.gptjava.core.contract.Data.doubles;

import io.gptjava.core.Dropout;
import io.gptjava.core.Philox;
import io.gptjava.core.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Token and position embedding. Sizes are samples B, positions T, width C, vocabulary V'. */
public abstract class EmbeddingContract extends OpContract {
  private static final Dropout DROPOUT = Dropout.of(0.3f, Philox.PURPOSE_EMBEDDING_DROPOUT, 0);

  /** Inputs of one case; more positions in the table than are used. */
  private record Case(int b, int t, int c, int v, int positions, int[] tokens) {
    static Case of(int b, int t, int c, int v) {
      return new Case(b, t, c, v, t + 3, new Data(b + t).ids((long) b * t, v));
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1,1,1", "2,17,5,7", "3,43,80,128", "1,64,48,30", "2,67,770,50"})
  void embedding(int b, int t, int c, int v) {
    Case z = Case.of(b, t, c, v);
    Data data = new Data(c);
    float[] wte = data.normal((long) v * c);
    float[] wpe = data.normal((long) z.positions * c);
    float[] magnitude = reference("out", s -> forward(s, z, abs(wte), abs(wpe), 0, Dropout.NONE));
    compare(s -> forward(s, z, wte, wpe, 0, Dropout.NONE))
        .within("out", Tolerance.scaled(1, doubles(magnitude)));
    compare(s -> forward(s, z, wte, wpe, 3, Dropout.NONE)).within("out", Tolerance.relative(1));
    Comparison dropped = compare(s -> forward(s, z, wte, wpe, 0, DROPOUT));
    double roundoffs = 4 * DROPOUT.scale();
    dropped.within("out", Tolerance.scaled(roundoffs, doubles(magnitude)));
  }

  private static void forward(
      Stage s, Case z, float[] wte, float[] wpe, int firstPosition, Dropout dropout) {
    s.ops()
        .embedding(
            s.ints(z.tokens, z.b, z.t),
            s.floats(wte, z.v, z.c),
            s.floats(wpe, z.positions, z.c),
            firstPosition,
            dropout,
            s.output("out", z.b, z.t, z.c));
  }

  @ParameterizedTest
  @CsvSource({"1,1,1,1", "2,17,5,7", "3,43,80,128", "1,64,48,30", "2,67,770,50", "4,65,16,1000"})
  void embeddingBackward(int b, int t, int c, int v) {
    Case z = Case.of(b, t, c, v);
    Data data = new Data(c);
    float[] dOut = data.normal((long) b * t * c);
    float[] wteStart = data.normal((long) v * c);
    float[] wpeStart = data.normal((long) z.positions * c);
    for (Dropout dropout : new Dropout[] {Dropout.NONE, DROPOUT}) {
      for (float[] wte : new float[][] {null, wteStart}) {
        for (float[] wpe : new float[][] {null, wpeStart}) {
          Comparison c1 = compare(s -> backward(s, z, dOut, dropout, wte, wpe));
          for (String name : new String[] {"dWte", "dWpe"}) {
            float[] magnitude =
                reference(name, s -> backward(s, z, abs(dOut), dropout, abs(wte), abs(wpe)));
            c1.within(name, Tolerance.ofSum((long) b * t, doubles(magnitude)));
          }
        }
      }
    }
  }

  /** The most popular token comes in every place: the longest sum, and the worst for races. */
  @Test
  void embeddingBackwardOfOneToken() {
    Case z = new Case(3, 67, 33, 5, 67, new int[3 * 67]);
    float[] dOut = new Data(1).normal(3 * 67 * 33);
    float[] magnitude = reference("dWte", s -> backward(s, z, abs(dOut), Dropout.NONE, null, null));
    compare(s -> backward(s, z, dOut, Dropout.NONE, null, null))
        .within("dWte", Tolerance.ofSum(3 * 67, doubles(magnitude)));
  }

  private static void backward(
      Stage s, Case z, float[] dOut, Dropout dropout, float[] wteStart, float[] wpeStart) {
    Tensor workspace = s.workspace(s.ops().embeddingBackwardWorkspace(z.b, z.t, z.c));
    s.ops()
        .embeddingBackward(
            s.ints(z.tokens, z.b, z.t),
            s.floats(dOut, z.b, z.t, z.c),
            dropout,
            s.gradient("dWte", wteStart, z.v, z.c),
            wteStart != null,
            s.gradient("dWpe", wpeStart, z.positions, z.c),
            wpeStart != null,
            workspace);
  }
}
