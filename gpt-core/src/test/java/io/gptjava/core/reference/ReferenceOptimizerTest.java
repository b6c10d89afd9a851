package io.gptjava.core.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.DType;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.OptimizerState.ParameterRange;
import io.gptjava.core.StepInputs;
import io.gptjava.core.StepOutputs;
import io.gptjava.core.Tensor;
import io.gptjava.core.contract.Data;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Norm, clipping and AdamW over several steps against float64 code of their own. */
final class ReferenceOptimizerTest {
  private static final AdamWSettings SETTINGS = new AdamWSettings(0.9f, 0.999f, 1e-8f, 0.1f);
  private static final int DECAYED = 16;
  private static final int COUNT = 25;

  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void close() {
    backend.close();
  }

  private Tensor tensor(int count) {
    return Tensor.of(backend.allocate("test", 4L * count), 0, DType.F32, count);
  }

  private OptimizerState state(int count, ParameterRange... ranges) {
    return new OptimizerState(
        tensor(count), tensor(count), tensor(count), tensor(count), null, List.of(ranges));
  }

  private static void set(Tensor tensor, float... values) {
    for (int i = 0; i < values.length; i++) {
      tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, values[i]);
    }
  }

  private static float get(Tensor tensor, int i) {
    return tensor.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
  }

  @Test
  void normOfASmallMatrix() {
    OptimizerState state = state(4, new ParameterRange(0, 4, true));
    set(state.gradients(), 1, 2, 2, 4);
    backend.stepControl().begin(new StepInputs(0, 0, 0, 1, 1, 1));
    backend.ops().globalGradientNorm(state);
    StepOutputs outputs = backend.stepControl().read();
    assertEquals(5, outputs.gradientNorm());
    assertEquals((float) (1 / 5.000001), outputs.clipFactor());
  }

  @Test
  void tenStepsOfAdamW() {
    OptimizerState state =
        state(COUNT, new ParameterRange(0, DECAYED, true), new ParameterRange(16, 9, false));
    Data data = new Data(41);
    float[] start = data.normal(COUNT);
    set(state.parameters(), start);
    double[] w = Data.doubles(start);
    double[] m = new double[COUNT];
    double[] v = new double[COUNT];
    boolean clipped = false;
    for (int step = 1; step <= 10; step++) {
      float rate = 0.01f * step;
      float[] gradients = data.normal(COUNT, 0, 2);
      set(state.gradients(), gradients);
      backend.stepControl().begin(new StepInputs(0, step, rate, 2.5f, 4, 1));
      backend.ops().globalGradientNorm(state);
      backend.ops().adamW(state, SETTINGS);
      double squares = 0;
      for (float gradient : gradients) {
        squares += gradient / 4.0 * gradient / 4.0;
      }
      double clip = Math.min(1, 2.5 / (Math.sqrt(squares) + 1e-6));
      clipped |= clip < 1;
      for (int i = 0; i < COUNT; i++) {
        double g = gradients[i] / 4.0 * clip;
        m[i] += (1 - SETTINGS.beta1()) * (g - m[i]);
        v[i] += (1 - SETTINGS.beta2()) * (g * g - v[i]);
        double mHat = m[i] / (1 - Math.pow(SETTINGS.beta1(), step));
        double vHat = v[i] / (1 - Math.pow(SETTINGS.beta2(), step));
        w[i] -= i < DECAYED ? rate * SETTINGS.weightDecay() * w[i] : 0;
        w[i] -= rate * mHat / (Math.sqrt(vHat) + SETTINGS.epsilon());
        // Each step rounds the three states once.
        assertEquals(m[i], get(state.firstMoment(), i), 1e-6);
        assertEquals(v[i], get(state.secondMoment(), i), 1e-6 * v[i]);
        assertEquals(w[i], get(state.parameters(), i), 1e-6);
      }
    }
    assertTrue(clipped, "the clip norm must have mattered");
    assertEquals(10, backend.stepControl().read().updates());
  }
}
