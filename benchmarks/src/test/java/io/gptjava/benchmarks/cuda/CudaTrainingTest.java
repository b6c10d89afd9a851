package io.gptjava.benchmarks.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.BackendOptions.Blas;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.Precision;
import io.gptjava.core.StepOutputs;
import io.gptjava.cpu.CpuBackend;
import io.gptjava.cuda.CudaBackend;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole training steps on CUDA: the same as on the CPU, recorded or not, on either cuBLAS. */
class CudaTrainingTest {
  private static final int STEPS = 10;

  static Stream<GptConfig> shapes() {
    return Stream.of(SmallTraining.TEXTBOOK, SmallTraining.GPT2);
  }

  private static List<StepOutputs> train(Backend backend, GptConfig config, Precision precision) {
    return new SmallTraining(backend, config, precision).steps(STEPS);
  }

  /**
   * Both backends round the sums behind a loss to fp32, in different orders; then weights carry the
   * differences of earlier steps on. Two unit roundoffs a step; more for the norm, whose terms are
   * differences.
   */
  @ParameterizedTest
  @MethodSource("shapes")
  void tenStepsEqualTheCpus(GptConfig config) {
    List<StepOutputs> expected;
    try (Backend cpu = new CpuBackend(1)) {
      expected = train(cpu, config, Precision.FP32);
    }
    try (Backend cuda = new CudaBackend(CudaEmulator.options())) {
      List<StepOutputs> actual = train(cuda, config, Precision.FP32);
      for (int step = 0; step < STEPS; step++) {
        StepOutputs want = expected.get(step);
        StepOutputs have = actual.get(step);
        double allowed = (step + 1) * 0x1p-23;
        assertEquals(want.loss(), have.loss(), allowed * want.loss(), "loss of step " + step);
        assertEquals(
            want.gradientNorm(),
            have.gradientNorm(),
            16 * allowed * want.gradientNorm(),
            "gradient norm of step " + step);
        assertEquals(want.updates(), have.updates());
        assertEquals(want.skipped(), have.skipped());
      }
    }
    assertTrue(expected.getLast().loss() < expected.getFirst().loss() - 0.1, "it learns");
  }

  /** bf16 has 8 bits: losses follow the CPU's fp32 ones as far as that goes. */
  @ParameterizedTest
  @MethodSource("shapes")
  void tenStepsInBf16FollowTheCpus(GptConfig config) {
    List<StepOutputs> expected;
    try (Backend cpu = new CpuBackend(1)) {
      expected = train(cpu, config, Precision.FP32);
    }
    try (Backend cuda = new CudaBackend(CudaEmulator.options())) {
      List<StepOutputs> actual = train(cuda, config, Precision.BF16);
      for (int step = 0; step < STEPS; step++) {
        double want = expected.get(step).loss();
        assertEquals(want, actual.get(step).loss(), 0x1p-8 * want, "loss of step " + step);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void replayedStepsEqualIssuedOnes(GptConfig config) {
    for (Precision precision : List.of(Precision.FP32, Precision.BF16)) {
      BackendOptions options = CudaEmulator.options();
      try (Backend recorded = new CudaBackend(options);
          Backend issued = new CudaBackend(options.withSyncKernels(true))) {
        SmallTraining a = new SmallTraining(recorded, config, precision);
        SmallTraining b = new SmallTraining(issued, config, precision);
        assertEquals(b.steps(5), a.steps(5));
        List<float[]> expected = b.state();
        List<float[]> actual = a.state();
        for (int i = 0; i < expected.size(); i++) {
          assertArrayEquals(expected.get(i), actual.get(i), "tensor " + i + " in " + precision);
        }
      }
    }
  }

  /** The two ways to cuBLAS round in other places. */
  @Test
  void jcudaTrainsLikePanama() {
    BackendOptions options = CudaEmulator.options();
    List<StepOutputs> expected;
    try (Backend panama = new CudaBackend(options)) {
      expected = new SmallTraining(panama, SmallTraining.GPT2, Precision.FP32).steps(5);
    }
    try (Backend jcuda = openJCuda(options)) {
      List<StepOutputs> actual =
          new SmallTraining(jcuda, SmallTraining.GPT2, Precision.FP32).steps(5);
      for (int step = 0; step < 5; step++) {
        double want = expected.get(step).loss();
        double allowed = (step + 1) * 0x1p-23 * want;
        assertEquals(want, actual.get(step).loss(), allowed, "loss of step " + step);
      }
    }
  }

  private static Backend openJCuda(BackendOptions options) {
    try {
      return new CudaBackend(options.withBlas(Blas.JCUDA));
    } catch (GptException e) {
      assumeTrue(e.failure() != Failure.DEVICE, e.getMessage());
      throw e;
    }
  }

  /** The third step is the first that is replayed: everything is there by then. */
  @ParameterizedTest
  @EnumSource(names = {"FP32", "BF16", "FP16"})
  void stepsAllocateNothing(Precision precision) {
    try (CudaBackend cuda = new CudaBackend(CudaEmulator.options())) {
      SmallTraining training = new SmallTraining(cuda, SmallTraining.GPT2, precision);
      training.steps(2);
      long opened = cuda.device().resourcesOpened();
      long free = cuda.device().memory().free();
      training.steps(3);
      assertEquals(opened, cuda.device().resourcesOpened());
      assertEquals(free, cuda.device().memory().free());
    }
  }
}
