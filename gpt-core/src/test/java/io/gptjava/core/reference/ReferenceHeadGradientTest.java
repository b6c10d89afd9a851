package io.gptjava.core.reference;

import static io.gptjava.core.contract.Data.doubles;
import static io.gptjava.core.reference.GradientCheck.assertClose;
import static io.gptjava.core.reference.GradientCheck.assertGradient;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.core.Backend;
import io.gptjava.core.Ops;
import io.gptjava.core.StepInputs;
import io.gptjava.core.contract.Data;
import io.gptjava.core.contract.OpContract;
import io.gptjava.core.contract.Stage;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Head and cross-entropy against formulas and central differences. */
final class ReferenceHeadGradientTest extends OpContract {
  private static final int N = 6;
  private static final int C = 5;
  private static final int V = 11;
  private static final int PADDED = 16;

  private final float[] x = new Data(31).normal(N * C);
  private final float[] weight = new Data(32).normal(PADDED * C);
  private final int[] targets = {3, Ops.IGNORED_TARGET, 0, 10, 3, Ops.IGNORED_TARGET};

  @Override
  protected Backend open() {
    return new ReferenceBackend();
  }

  @Test
  void headCrossEntropy() {
    for (StepInputs step : new StepInputs[] {STEP, new StepInputs(1, 2, 0, 0, 16, 23)}) {
      Consumer<Stage> call =
          s ->
              s.ops()
                  .headCrossEntropy(
                      s.floats(x, N, C),
                      s.floats(weight, PADDED, C),
                      s.ints(targets, N),
                      V,
                      s.output("losses", N),
                      s.output("dX", N, C),
                      s.output("dWeight", PADDED, C),
                      false,
                      s.workspace(0));
      double[] losses = Formulas.losses(doubles(x), doubles(weight), targets, C, V);
      assertClose("losses", losses, reference(step, "losses", call));
      double mean = Arrays.stream(losses).sum() / step.targetCount();
      assertEquals(mean, compare(step, call).actualStep().loss(), 1e-12);
      float[] upstream = new float[N];
      Arrays.fill(upstream, step.lossScale() / step.targetCount());
      assertGradient(
          "dX",
          doubles(x),
          upstream,
          v -> Formulas.losses(v, doubles(weight), targets, C, V),
          reference(step, "dX", call));
      assertGradient(
          "dWeight",
          doubles(weight),
          upstream,
          v -> Formulas.losses(doubles(x), v, targets, C, V),
          reference(step, "dWeight", call));
    }
  }

  @Test
  void headLogits() {
    float[] transposed = new float[C * V];
    for (int i = 0; i < transposed.length; i++) {
      transposed[i] = weight[i % V * C + i / V];
    }
    float[] logits =
        reference(
            "logits",
            s ->
                s.ops()
                    .headLogits(
                        s.floats(x, N, C), s.floats(weight, PADDED, C), s.output("logits", N, V)));
    assertClose(
        "logits", Formulas.linear(doubles(x), doubles(transposed), new double[V], C), logits);
  }
}
