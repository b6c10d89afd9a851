package io.gptjava.core.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.DType;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.OptimizerState.ParameterRange;
import io.gptjava.core.Philox;
import io.gptjava.core.Tensor;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rounding of weights to bf16 by chance, alone and in AdamW. */
public abstract class StochasticRoundingContract extends OpContract {
  private static final long SEED = 0x1234_5678_9ABC_DEFL;

  /** 16-bit lane {@code i % 8} of block {@code i / 8}. */
  private static int draw(long seed, long i, long updates) {
    int[] words = new int[4];
    Philox.block(seed, i / 8, (int) updates, Philox.PURPOSE_STOCHASTIC_ROUNDING, 0, words, 0);
    int lane = (int) (i % 8);
    return (lane % 2 == 0 ? words[lane / 2] : words[lane / 2] >>> 16) & 0xffff;
  }

  private static float[] rounded(float[] values, long seed, long updates) {
    float[] expected = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      int bits = Float.floatToRawIntBits(values[i]);
      expected[i] =
          Float.isFinite(values[i])
              ? Float.intBitsToFloat(bits + draw(seed, i, updates) & 0xffff0000)
              : values[i];
    }
    return expected;
  }

  private float[] roundedByOp(float[] values, long seed, long updates) {
    return actual(
        "rounded",
        s -> {
          Tensor from = s.floats32(values, values.length);
          Tensor to = s.output("rounded", DType.BF16, values.length);
          s.ops().roundStochastically(from, to, seed, updates);
        });
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 1000, 16_384, 40_001})
  void takesTheDrawOfElementAndUpdate(int count) {
    float[] values = new Data(3).normal(count);
    float[] special = {
      0f, -0f, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.MIN_VALUE, Float.NaN, 1f
    };
    System.arraycopy(special, 0, values, 0, Math.min(count, special.length));
    for (long updates : new long[] {1, 77}) {
      float[] actual = roundedByOp(values, SEED, updates);
      assertEquals(
          Arrays.toString(rounded(values, SEED, updates)), Arrays.toString(actual), "bits");
    }
  }

  /** A third of the way between two neighbours: up in a third of the cases. */
  @Test
  void isRightOnAverage() {
    int count = 1 << 14;
    float[] values = new float[count];
    float step = 0x1p-7f;
    Arrays.fill(values, 1 + step / 3);
    double mean = 0;
    for (float value : roundedByOp(values, SEED, 5)) {
      assertTrue(value == 1 || value == 1 + step, () -> "" + value);
      mean += (value - 1) / step / count;
    }
    double deviation = Math.sqrt(1 / 3.0 * 2 / 3.0 / count);
    assertEquals(1 / 3.0, mean, 4 * deviation);
  }

  @Test
  void adamWRoundsItsCopyThisWay() {
    int count = 8_209;
    Data data = new Data(4);
    float[] weights = data.normal(count);
    float[] gradients = data.normal(count, 0, 0.1);
    List<ParameterRange> ranges = List.of(new ParameterRange(0, count, true));
    Comparison c =
        compare(
            STEP,
            s -> {
              s.control().restoreUpdates(41);
              OptimizerState state =
                  new OptimizerState(
                      s.inOut32("parameters", weights, count),
                      s.floats32(gradients, count),
                      s.inOut32("firstMoment", new float[count], count),
                      s.inOut32("secondMoment", new float[count], count),
                      s.output("compute", DType.BF16, count),
                      ranges);
              s.ops().globalGradientNorm(state);
              s.ops().adamW(state, new AdamWSettings(0.9f, 0.95f, 1e-8f, 0.1f, true));
            });
    float[] masters = c.actual("parameters");
    assertEquals(
        Arrays.toString(rounded(masters, STEP.seed(), 42)), Arrays.toString(c.actual("compute")));
  }
}
