package io.gptjava.benchmarks.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.GptConfig;
import io.gptjava.core.LossScale;
import io.gptjava.core.LossScaling;
import io.gptjava.core.Precision;
import io.gptjava.core.StepOutputs;
import io.gptjava.cpu.CpuBackend;
import io.gptjava.cuda.CudaBackend;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole training steps on CUDA in fp16, where the device scales the loss. */
class CudaFp16TrainingTest {
  private static final LossScaling FAST =
      new LossScaling(2, 0.5f, 4, LossScaling.GRAD_SCALER.lowest());

  /** At 148 targets the gradients of logits begin at 450,000, beyond 65,504. */
  private static final LossScale TOO_LARGE = new LossScale(0x1p26f, 0);

  static Stream<GptConfig> shapes() {
    return Stream.of(SmallTraining.TEXTBOOK, SmallTraining.GPT2);
  }

  private static SmallTraining training(
      Backend backend, GptConfig config, LossScaling scaling, LossScale from) {
    backend.stepControl().scaleLoss(scaling, from);
    return new SmallTraining(backend, config, Precision.FP16);
  }

  /**
   * fp16 has 11 bits: losses follow the CPU's fp32 ones as far as that goes, and so do the unscaled
   * norms.
   */
  @ParameterizedTest
  @MethodSource("shapes")
  void tenStepsFollowTheCpus(GptConfig config) {
    List<StepOutputs> expected;
    try (Backend cpu = new CpuBackend(1)) {
      expected = new SmallTraining(cpu, config, Precision.FP32).steps(10);
    }
    try (Backend cuda = new CudaBackend(CudaEmulator.options())) {
      List<StepOutputs> actual =
          training(cuda, config, LossScaling.GRAD_SCALER, LossScale.INITIAL).steps(10);
      for (int step = 0; step < 10; step++) {
        StepOutputs want = expected.get(step);
        StepOutputs have = actual.get(step);
        assertFalse(have.skipped(), "step " + step);
        assertEquals(want.loss(), have.loss(), 0x1p-11 * want.loss(), "loss of step " + step);
        assertEquals(
            want.gradientNorm(),
            have.gradientNorm(),
            0x1p-8 * want.gradientNorm(),
            "gradient norm of step " + step);
        assertEquals(new LossScale(65_536, step + 1), have.lossScale());
      }
    }
  }

  /** Skipped while the scale is too large, then it learns, and the scale grows again. */
  @ParameterizedTest
  @MethodSource("shapes")
  void overflowsAreSkippedAndTheScaleFollows(GptConfig config) {
    try (Backend cuda = new CudaBackend(CudaEmulator.options())) {
      SmallTraining training = training(cuda, config, FAST, TOO_LARGE);
      List<float[]> before = training.state();
      LossScale scale = TOO_LARGE;
      int updates = 0;
      int skipped = 0;
      int grown = 0;
      double first = 0;
      double last = 0;
      for (int step = 0; step < 24; step++) {
        StepOutputs outputs = training.step();
        assertTrue(Double.isFinite(outputs.loss()), "the reported loss is not scaled");
        first = step == 0 ? outputs.loss() : first;
        last = outputs.loss();
        if (outputs.skipped()) {
          skipped++;
          if (updates == 0) {
            assertWeightsAndMoments(before, training.state());
          }
        } else {
          updates++;
        }
        LossScale next = FAST.next(scale, !outputs.skipped());
        assertEquals(next, outputs.lossScale(), "after step " + step);
        assertEquals(updates, outputs.updates());
        grown += next.value() > scale.value() ? 1 : 0;
        scale = next;
      }
      assertTrue(skipped >= 2, skipped + " skipped");
      assertTrue(grown >= 1, grown + " times grown");
      assertTrue(last < first - 0.1, "it learns");
    }
  }

  /** A captured graph must not freeze the scale, nor whether a step is skipped. */
  @ParameterizedTest
  @MethodSource("shapes")
  void replayedStepsEqualIssuedOnes(GptConfig config) {
    BackendOptions options = CudaEmulator.options();
    try (Backend recorded = new CudaBackend(options);
        Backend issued = new CudaBackend(options.withSyncKernels(true))) {
      SmallTraining a = training(recorded, config, FAST, TOO_LARGE);
      SmallTraining b = training(issued, config, FAST, TOO_LARGE);
      List<StepOutputs> expected = b.steps(18);
      assertEquals(expected, a.steps(18));
      List<StepOutputs> replayed = expected.subList(3, 18);
      assertTrue(replayed.stream().anyMatch(StepOutputs::skipped), "a replayed step is skipped");
      assertTrue(replayed.stream().anyMatch(s -> !s.skipped()), "a replayed step updates");
      List<float[]> want = b.state();
      List<float[]> have = a.state();
      for (int i = 0; i < want.size(); i++) {
        assertArrayEquals(want.get(i), have.get(i), "tensor " + i);
      }
    }
  }

  private static void assertWeightsAndMoments(List<float[]> before, List<float[]> after) {
    for (int i : new int[] {0, 2, 3}) {
      assertArrayEquals(before.get(i), after.get(i), "tensor " + i);
    }
  }
}
