package io.gptjava.core.reference;

import static io.gptjava.core.contract.Data.doubles;
import static io.gptjava.core.reference.GradientCheck.assertClose;
import static io.gptjava.core.reference.GradientCheck.assertGradient;

import io.gptjava.core.Backend;
import io.gptjava.core.Dropout;
import io.gptjava.core.Philox;
import io.gptjava.core.contract.Data;
import io.gptjava.core.contract.OpContract;
import io.gptjava.core.contract.Stage;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** The reference's ops, but attention and head, against formulas and central differences. */
final class ReferenceGradientTest extends OpContract {
  @Override
  protected Backend open() {
    return new ReferenceBackend();
  }

  private static final Dropout[] DROPOUTS = {
    Dropout.NONE, Dropout.of(0.3f, Philox.PURPOSE_RESIDUAL_DROPOUT, 9)
  };

  @Test
  void embedding() {
    int b = 2;
    int t = 5;
    int c = 7;
    int[] tokens = {0, 3, 3, 1, 0, 3, 5, 3, 1, 1};
    Data data = new Data(1);
    float[] wte = data.normal(6 * c);
    float[] wpe = data.normal(8 * c);
    float[] dOut = data.normal((long) b * t * c);
    for (Dropout dropout : DROPOUTS) {
      double[] mask = Formulas.rowMask(dropout, STEP, (long) FIRST_SAMPLE * t, b * t, c);
      for (int first : new int[] {0, 3}) {
        float[] out =
            reference(
                "out",
                s ->
                    s.ops()
                        .embedding(
                            s.ints(tokens, b, t),
                            s.floats(wte, 6, c),
                            s.floats(wpe, 8, c),
                            first,
                            dropout,
                            s.output("out", b, t, c)));
        assertClose(
            "out", Formulas.embedding(tokens, t, c, doubles(wte), doubles(wpe), first, mask), out);
      }
      Consumer<Stage> backward =
          s ->
              s.ops()
                  .embeddingBackward(
                      s.ints(tokens, b, t),
                      s.floats(dOut, b, t, c),
                      dropout,
                      s.output("dWte", 6, c),
                      false,
                      s.output("dWpe", 8, c),
                      false,
                      s.workspace(s.ops().embeddingBackwardWorkspace(b, t, c)));
      assertGradient(
          "dWte",
          doubles(wte),
          dOut,
          x -> Formulas.embedding(tokens, t, c, x, doubles(wpe), 0, mask),
          reference("dWte", backward));
      assertGradient(
          "dWpe",
          doubles(wpe),
          dOut,
          x -> Formulas.embedding(tokens, t, c, doubles(wte), x, 0, mask),
          reference("dWpe", backward));
    }
  }

  @Test
  void layerNorm() {
    int n = 6;
    int c = 9;
    Data data = new Data(2);
    float[] x = data.normal(n * c, 0.5, 1);
    float[] gamma = data.normal(c, 1, 0.3);
    float[] beta = data.normal(c);
    float[] dOut = data.normal(n * c);
    Consumer<Stage> forward =
        s ->
            s.ops()
                .layerNorm(
                    s.floats(x, n, c),
                    s.floats(gamma, c),
                    s.floats(beta, c),
                    s.output("out", n, c),
                    s.output("mean", n),
                    s.output("rstd", n));
    assertClose(
        "out",
        Formulas.layerNorm(doubles(x), doubles(gamma), doubles(beta)),
        reference("out", forward));
    float[] mean = reference("mean", forward);
    float[] rstd = reference("rstd", forward);
    Consumer<Stage> backward =
        s ->
            s.ops()
                .residualLayerNormBackward(
                    s.floats(dOut, n, c),
                    s.floats(x, n, c),
                    s.floats(gamma, c),
                    s.floats(mean, n),
                    s.floats(rstd, n),
                    null,
                    Dropout.NONE,
                    n,
                    s.output("dX", n, c),
                    null,
                    s.output("dGamma", c),
                    s.output("dBeta", c),
                    false,
                    s.workspace(s.ops().layerNormBackwardWorkspace(n, c)));
    assertGradient(
        "dX",
        doubles(x),
        dOut,
        v -> Formulas.layerNorm(v, doubles(gamma), doubles(beta)),
        reference("dX", backward));
    assertGradient(
        "dGamma",
        doubles(gamma),
        dOut,
        v -> Formulas.layerNorm(doubles(x), v, doubles(beta)),
        reference("dGamma", backward));
    assertGradient(
        "dBeta",
        doubles(beta),
        dOut,
        v -> Formulas.layerNorm(doubles(x), doubles(gamma), v),
        reference("dBeta", backward));
  }

  /** The loss depends on the sum directly too, as it does through the next residual link. */
  @Test
  void residualLayerNorm() {
    int t = 3;
    int n = 2 * t;
    int c = 9;
    Data data = new Data(3);
    float[] residual = data.normal(n * c);
    float[] branch = data.normal(n * c);
    float[] gamma = data.normal(c, 1, 0.3);
    float[] beta = data.normal(c);
    float[] dOut = data.normal(n * c);
    float[] dSum = data.normal(n * c);
    float[] upstream = join(dOut, dSum);
    for (Dropout dropout : DROPOUTS) {
      double[] mask = Formulas.rowMask(dropout, STEP, (long) FIRST_SAMPLE * t, n, c);
      Consumer<Stage> forward =
          s ->
              s.ops()
                  .residualLayerNorm(
                      s.floats(residual, n, c),
                      s.floats(branch, n, c),
                      dropout,
                      t,
                      s.floats(gamma, c),
                      s.floats(beta, c),
                      s.output("sum", n, c),
                      s.output("out", n, c),
                      s.output("mean", n),
                      s.output("rstd", n));
      float[] sum = reference("sum", forward);
      double[] exact = Formulas.residual(doubles(residual), doubles(branch), mask);
      assertClose("sum", exact, sum);
      assertClose(
          "out",
          Formulas.layerNorm(exact, doubles(gamma), doubles(beta)),
          reference("out", forward));
      float[] mean = reference("mean", forward);
      float[] rstd = reference("rstd", forward);
      Consumer<Stage> backward =
          s ->
              s.ops()
                  .residualLayerNormBackward(
                      s.floats(dOut, n, c),
                      s.floats(sum, n, c),
                      s.floats(gamma, c),
                      s.floats(mean, n),
                      s.floats(rstd, n),
                      s.floats(dSum, n, c),
                      dropout,
                      t,
                      s.output("dResidual", n, c),
                      s.output("dBranch", n, c),
                      s.output("dGamma", c),
                      s.output("dBeta", c),
                      false,
                      s.workspace(s.ops().layerNormBackwardWorkspace(n, c)));
      assertGradient(
          "dResidual",
          doubles(residual),
          upstream,
          v -> link(v, doubles(branch), mask, gamma, beta),
          reference("dResidual", backward));
      assertGradient(
          "dBranch",
          doubles(branch),
          upstream,
          v -> link(doubles(residual), v, mask, gamma, beta),
          reference("dBranch", backward));
    }
  }

  private static double[] link(
      double[] residual, double[] branch, double[] mask, float[] gamma, float[] beta) {
    double[] sum = Formulas.residual(residual, branch, mask);
    double[] out = Formulas.layerNorm(sum, doubles(gamma), doubles(beta));
    double[] both = new double[2 * sum.length];
    System.arraycopy(out, 0, both, 0, out.length);
    System.arraycopy(sum, 0, both, out.length, sum.length);
    return both;
  }

  private static float[] join(float[] a, float[] b) {
    float[] both = new float[a.length + b.length];
    System.arraycopy(a, 0, both, 0, a.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }
}
