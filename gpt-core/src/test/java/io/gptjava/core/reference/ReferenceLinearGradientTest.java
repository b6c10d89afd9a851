package io.gptjava.core.reference;

import static io.gptjava.core.contract.Data.doubles;
import static io.gptjava.core.reference.GradientCheck.assertClose;
import static io.gptjava.core.reference.GradientCheck.assertGradient;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.core.Backend;
import io.gptjava.core.contract.Data;
import io.gptjava.core.contract.OpContract;
import io.gptjava.core.contract.Stage;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Linear layers, GELU and softmax against formulas and central differences. */
final class ReferenceLinearGradientTest extends OpContract {
  private static final int N = 5;
  private static final int K = 7;
  private static final int M = 4;

  private final Data data = new Data(11);
  private final float[] x = data.normal(N * K);
  private final float[] weight = data.normal(K * M);
  private final float[] bias = data.normal(M);
  private final float[] dOut = data.normal(N * M);

  @Override
  protected Backend open() {
    return new ReferenceBackend();
  }

  @Test
  void linear() {
    float[] out =
        reference(
            "out",
            s ->
                s.ops()
                    .linear(
                        s.floats(x, N, K),
                        s.floats(weight, K, M),
                        s.floats(bias, M),
                        s.output("out", N, M)));
    assertClose("out", Formulas.linear(doubles(x), doubles(weight), doubles(bias), K), out);
    float[] dX =
        reference(
            "dX",
            s ->
                s.ops()
                    .linearBackwardInput(
                        s.floats(dOut, N, M), s.floats(weight, K, M), null, s.output("dX", N, K)));
    assertGradient(
        "dX", doubles(x), dOut, v -> Formulas.linear(v, doubles(weight), doubles(bias), K), dX);
    Consumer<Stage> backward =
        s ->
            s.ops()
                .linearBackwardWeight(
                    s.floats(x, N, K),
                    s.floats(dOut, N, M),
                    s.output("dWeight", K, M),
                    s.output("dBias", M),
                    false);
    assertGradient(
        "dWeight",
        doubles(weight),
        dOut,
        v -> Formulas.linear(doubles(x), v, doubles(bias), K),
        reference("dWeight", backward));
    assertGradient(
        "dBias",
        doubles(bias),
        dOut,
        v -> Formulas.linear(doubles(x), doubles(weight), v, K),
        reference("dBias", backward));
  }

  @Test
  void linearGelu() {
    Consumer<Stage> forward =
        s ->
            s.ops()
                .linearGelu(
                    s.floats(x, N, K),
                    s.floats(weight, K, M),
                    s.floats(bias, M),
                    s.output("preActivation", N, M),
                    s.output("out", N, M));
    double[] preActivation = Formulas.linear(doubles(x), doubles(weight), doubles(bias), K);
    assertClose("preActivation", preActivation, reference("preActivation", forward));
    assertClose("out", Formulas.gelu(preActivation), reference("out", forward));
  }

  /** The gradient by the pre-activation of {@code linear(gelu(preActivation))}. */
  @Test
  void linearBackwardInputThroughGelu() {
    float[] preActivation = new Data(12).normal(N * K, 0, 2);
    float[] dX =
        reference(
            "dX",
            s ->
                s.ops()
                    .linearBackwardInput(
                        s.floats(dOut, N, M),
                        s.floats(weight, K, M),
                        s.floats(preActivation, N, K),
                        s.output("dX", N, K)));
    assertGradient(
        "dX",
        doubles(preActivation),
        dOut,
        v -> Formulas.linear(Formulas.gelu(v), doubles(weight), doubles(bias), K),
        dX);
  }

  @Test
  void gelu() {
    float[] values = new Data(13).normal(101, 0, 3);
    float[] upstream = new Data(14).normal(101);
    assertClose(
        "out",
        Formulas.gelu(doubles(values)),
        reference("out", s -> s.ops().gelu(s.floats(values, 101), s.output("out", 101))));
    float[] dX =
        reference(
            "dX",
            s ->
                s.ops()
                    .geluBackward(
                        s.floats(values, 101), s.floats(upstream, 101), s.output("dX", 101)));
    assertGradient("dX", doubles(values), upstream, v -> Formulas.gelu(v), dX);
  }

  @Test
  void softmax() {
    float[] values = new Data(15).normal(3 * 11, 0, 2);
    float[] upstream = new Data(16).normal(3 * 11);
    float[] out =
        reference("out", s -> s.ops().softmax(s.floats(values, 3, 11), s.output("out", 3, 11)));
    assertClose("out", Formulas.softmax(doubles(values), 11), out);
    float[] dX =
        reference(
            "dX",
            s ->
                s.ops()
                    .softmaxBackward(
                        s.floats(out, 3, 11), s.floats(upstream, 3, 11), s.output("dX", 3, 11)));
    assertGradient("dX", doubles(values), upstream, v -> Formulas.softmax(v, 11), dX);
  }

  /** Next-token logits of a textbook example, whose probabilities are printed there. */
  @Test
  void softmaxOfTextbookLogits() {
    float[] logits = {4.51f, .89f, -1.9f, 6.75f, 1.63f, -1.62f, -1.89f, 6.28f, 1.79f};
    double[] printed = {
      6.0907e-02,
      1.6313e-03,
      1.0019e-04,
      5.7212e-01,
      3.4190e-03,
      1.3257e-04,
      1.0120e-04,
      3.5758e-01,
      4.0122e-03
    };
    float[] out =
        reference("out", s -> s.ops().softmax(s.floats(logits, 1, 9), s.output("out", 1, 9)));
    for (int i = 0; i < 9; i++) {
      assertEquals(printed[i], out[i], 1e-4 * printed[i]); // five digits are printed
    }
    float none = Float.NEGATIVE_INFINITY;
    float[] topThree = {4.51f, none, none, 6.75f, none, none, none, 6.28f, none};
    float[] kept =
        reference("out", s -> s.ops().softmax(s.floats(topThree, 1, 9), s.output("out", 1, 9)));
    double[] keptPrinted = {.0615, 0, 0, .5775, 0, 0, 0, .3610, 0};
    for (int i = 0; i < 9; i++) {
      assertEquals(keptPrinted[i], kept[i], 5e-5);
    }
  }
}
