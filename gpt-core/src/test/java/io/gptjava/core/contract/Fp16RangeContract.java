package io.gptjava.core.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.LossScale;
import io.gptjava.core.LossScaling;
import io.gptjava.core.StepInputs;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What does not fit fp16 becomes infinite or NaN, so that loss scaling sees it, and is never cut to
 * 65,504; what fits does not overflow on its way.
 */
public abstract class Fp16RangeContract extends OpContract {
  private static final float LARGE = 60_000;

  @Override
  protected final DType type() {
    return DType.F16;
  }

  private static float[] all(int count, float value) {
    float[] values = new float[count];
    Arrays.fill(values, value);
    return values;
  }

  private static boolean finite(float[] values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        return false;
      }
    }
    return true;
  }

  private static void assertInfinite(float[] values) {
    for (float value : values) {
      assertEquals(Float.POSITIVE_INFINITY, value);
    }
  }

  @Test
  void productsBeyondTheRangeAreInfinite() {
    float[] x = all(3 * 16, 100);
    float[] weight = all(16 * 8, 100); // 160,000
    assertInfinite(
        compare(
                s ->
                    s.ops()
                        .linear(
                            s.floats(x, 3, 16), s.floats(weight, 16, 8), null, s.output("y", 3, 8)))
            .actual("y"));
    Comparison gelu =
        compare(
            s ->
                s.ops()
                    .linearGelu(
                        s.floats(x, 3, 16),
                        s.floats(weight, 16, 8),
                        null,
                        s.output("before", 3, 8),
                        s.output("y", 3, 8)));
    assertInfinite(gelu.actual("before"));
    assertInfinite(gelu.actual("y"));
    assertInfinite(
        compare(
                s ->
                    s.ops()
                        .linearBackwardInput(
                            s.floats(all(3 * 8, 200), 3, 8),
                            s.floats(weight, 16, 8),
                            null,
                            s.output("dX", 3, 16)))
            .actual("dX"));
  }

  /** Gradients of weights are fp32: the same sums fit. */
  @Test
  void gradientsOfWeightsHaveTheRangeOfFp32() {
    float[] x = all(16 * 3, 1000);
    Comparison c =
        compare(
            s ->
                s.ops()
                    .linearBackwardWeight(
                        s.floats(x, 16, 3),
                        s.floats(all(16 * 8, 1000), 16, 8),
                        s.output32("dWeight", 3, 8),
                        s.output32("dBias", 8),
                        false));
    assertEquals(16e6f, c.actual("dWeight")[0]);
    assertEquals(16e3f, c.actual("dBias")[0]);
  }

  /** Its cube would not fit. */
  @ParameterizedTest
  @ValueSource(floats = {LARGE, -LARGE, 300, -300})
  void geluOfLargeArguments(float x) {
    Comparison c =
        compare(
            s -> {
              s.ops().gelu(s.floats(all(9, x), 9), s.output("y", 9));
              s.ops()
                  .geluBackward(s.floats(all(9, x), 9), s.floats(all(9, x), 9), s.output("dX", 9));
            });
    c.within("y", Tolerance.exact()).within("dX", Tolerance.exact());
  }

  @Test
  void residualSumsBeyondTheRangeAreInfinite() {
    Data data = new Data(5);
    float[] x = data.normal(4 * 16);
    Comparison c =
        compare(
            s ->
                s.ops()
                    .residualLayerNorm(
                        s.floats(all(4 * 16, LARGE), 4, 16),
                        s.floats(all(4 * 16, LARGE), 4, 16),
                        Dropout.NONE,
                        2,
                        s.floats(all(16, 1), 16),
                        s.floats(all(16, 0), 16),
                        s.output("sum", 4, 16),
                        s.output("out", 4, 16),
                        s.output32("mean", 4),
                        s.output32("rstd", 4)));
    assertInfinite(c.actual("sum"));
    Comparison backward =
        compare(
            s ->
                s.ops()
                    .residualLayerNormBackward(
                        s.floats(x, 4, 16),
                        s.floats(x, 4, 16),
                        s.floats(all(16, 1), 16),
                        s.floats32(all(4, 0), 4),
                        s.floats32(all(4, 30_000), 4),
                        s.floats(all(4 * 16, LARGE), 4, 16),
                        Dropout.NONE,
                        2,
                        s.output("dResidual", 4, 16),
                        s.output("dBranch", 4, 16),
                        s.output32("dGamma", 16),
                        s.output32("dBeta", 16),
                        false,
                        s.workspace(s.ops().layerNormBackwardWorkspace(4, 16))));
    assertFalse(finite(backward.actual("dResidual")));
    assertFalse(finite(backward.actual("dBranch")));
  }

  /**
   * With equal keys a query's weights are equal, and the first value is in all averages: its
   * gradient is 60,000 · (1 + 1/2 + 1/3 + …). For a kernel of tensor cores and for a plain one.
   */
  @ParameterizedTest
  @ValueSource(ints = {32, 20})
  void attentionGradientsBeyondTheRangeAreInfinite(int size) {
    int t = 17;
    float[] qkv = new float[t * 3 * size];
    for (int i = 0; i < t; i++) {
      Arrays.fill(qkv, i * 3 * size + size, (i + 1) * 3 * size, 1);
    }
    Comparison c =
        compare(
            s ->
                s.ops()
                    .attentionBackward(
                        s.floats(all(t * size, LARGE), 1, t, size),
                        s.floats(qkv, 1, t, 3 * size),
                        s.floats(all(t * size, 1), 1, t, size),
                        s.floats32(logs(t), 1, 1, t),
                        null,
                        1,
                        Dropout.NONE,
                        s.output("dQkv", 1, t, 3 * size),
                        s.workspace(s.ops().attentionBackwardWorkspace(1, t, size, 1))));
    float[] dQkv = c.actual("dQkv");
    assertInfinite(Arrays.copyOfRange(dQkv, 2 * size, 3 * size)); // of the first value
    float[] last = Arrays.copyOfRange(dQkv, dQkv.length - size, dQkv.length);
    assertTrue(finite(last), "only the last average holds it");
    assertEquals(LARGE / t, last[0], 0x1p-10f * LARGE / t);
  }

  /** Log-sum-exp of scores that are all 0. */
  private static float[] logs(int t) {
    float[] logs = new float[t];
    for (int i = 0; i < t; i++) {
      logs[i] = (float) Math.log(i + 1);
    }
    return logs;
  }

  /** A scale that is too large shows in the gradients and not in the loss. */
  @Test
  void headGradientsBeyondTheRangeAreNotFinite() {
    StepInputs step = new StepInputs(1, 7, 1e-3f, 0, 1, 5);
    float[] x = new Data(1).normal(5 * 16);
    float[] weight = new Data(2).normal(128 * 16, 0, 0.5);
    int[] targets = new Data(3).ids(5, 100);
    Comparison c =
        compare(
            step,
            s -> {
              s.control().scaleLoss(LossScaling.GRAD_SCALER, new LossScale(0x1p24f, 0));
              s.ops()
                  .headCrossEntropy(
                      s.floats(x, 5, 16),
                      s.floats(weight, 128, 16),
                      s.ints(targets, 5),
                      100,
                      s.output32("losses", 5),
                      s.output("dX", 5, 16),
                      s.output32("dWeight", 128, 16),
                      false,
                      s.workspace(s.ops().headCrossEntropyWorkspace(5, 16, 128, 1 << 20)));
            });
    assertTrue(finite(c.actual("losses")));
    assertTrue(Double.isFinite(c.actualStep().loss()));
    assertFalse(finite(c.actual("dX")));
  }
}
