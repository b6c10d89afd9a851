package io.gptjava.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.OptimizerState.ParameterRange;
import io.gptjava.core.StepInputs;
import io.gptjava.core.StepOutputs;
import io.gptjava.core.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

class OptimizerTest {
  private static final AdamWSettings SETTINGS = new AdamWSettings(0.9f, 0.95f, 1e-8f, 0.1f);
  private static final int COUNT = 160_000;

  /** Ranges of awkward lengths with padding between them, one longer than two tasks. */
  private static final List<ParameterRange> RANGES =
      List.of(
          new ParameterRange(0, 7, true),
          new ParameterRange(16, 131_500, true),
          new ParameterRange(131_520, 1, false),
          new ParameterRange(131_536, 28_464, false));

  @Test
  void tenStepsEqualTheReference() {
    Trial.compare(
        2e-6,
        t -> {
          OptimizerState state = state(t);
          for (int step = 0; step < 10; step++) {
            t.backend().stepControl().begin(new StepInputs(1, step, 0.01f, 1, 4, 10));
            t.backend().ops().globalGradientNorm(state);
            t.backend().ops().adamW(state, SETTINGS);
          }
          t.result(state.parameters());
          t.result(state.firstMoment());
          t.result(state.secondMoment());
          StepOutputs outputs = t.backend().stepControl().read();
          assertEquals(10, outputs.updates());
          assertTrue(outputs.clipFactor() < 1);
        });
  }

  @Test
  void normCountsRangesOnlyInDoublePrecision() {
    Trial.run(
        new CpuBackend(2),
        t -> {
          Tensor gradients = t.filled(1e25f, COUNT);
          for (long pad = 7; pad < 16; pad++) {
            gradients.segment().setAtIndex(ValueLayout.JAVA_FLOAT, pad, Float.NaN);
          }
          OptimizerState state = state(t, gradients);
          t.backend().ops().globalGradientNorm(state);
          long count = RANGES.stream().mapToLong(ParameterRange::count).sum();
          double expected = 1e25f * Math.sqrt(count);
          double norm = t.backend().stepControl().read().gradientNorm();
          assertEquals(expected, norm, 1e-12 * expected);
        });
  }

  @Test
  void aNonFiniteGradientLeavesEverythingAlone() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      Trial.run(
          new CpuBackend(2),
          t -> {
            OptimizerState state = state(t);
            state.gradients().segment().setAtIndex(ValueLayout.JAVA_FLOAT, COUNT - 1, bad);
            float[] before = state.parameters().segment().toArray(ValueLayout.JAVA_FLOAT);
            t.backend().ops().globalGradientNorm(state);
            t.backend().ops().adamW(state, SETTINGS);
            assertArrayEquals(before, state.parameters().segment().toArray(ValueLayout.JAVA_FLOAT));
            assertTrue(t.backend().stepControl().read().skipped());
            assertEquals(0, t.backend().stepControl().read().updates());
          });
    }
  }

  private static OptimizerState state(Trial t) {
    return state(t, t.normal(1, COUNT));
  }

  private static OptimizerState state(Trial t, Tensor gradients) {
    return new OptimizerState(
        t.normal(1, COUNT), gradients, t.filled(0, COUNT), t.filled(0, COUNT), null, RANGES);
  }
}
