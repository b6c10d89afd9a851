package io.gptjava.benchmarks.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.benchmarks.LineFit;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.DType;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

final class AttentionFitTest {
  @Test
  void attentionThatDoesNotFitIsAnErrorOfCapacity() {
    KernelShapes shapes =
        new KernelShapes(new GptConfig(64, 16, 32, 2, 2, 0, true, true), DType.F32, 2, 16);
    GptException e =
        assertThrows(
            GptException.class,
            () ->
                AttentionSweep.run(
                    KernelBenchmark.Settings.quick(shapes, 1),
                    List.of(8),
                    16,
                    settings ->
                        KernelBenchmark.run(
                            () -> Backends.open("cpu", BackendOptions.DEFAULT),
                            settings,
                            () -> OptionalLong.of(1),
                            "test",
                            Optional.empty())));
    assertEquals(Failure.CAPACITY, e.failure());
    assertTrue(e.getMessage().contains("16 tokens: the group's operands take"), e.getMessage());
  }

  @Test
  void aLineIsFoundAndADeviationShown() {
    double[] lengths = {128, 256, 512, 1024};
    double[] exact = {0.5 + 1.28, 0.5 + 2.56, 0.5 + 5.12, 0.5 + 10.24};
    LineFit fit = LineFit.of(lengths, exact);
    assertEquals(0.5, fit.constant(), 1e-9);
    assertEquals(0.01, fit.slope(), 1e-12);
    assertEquals(0, fit.worst(), 1e-9);
    exact[2] *= 1.2;
    double worst = LineFit.of(lengths, exact).worst();
    assertEquals(0.1, worst, 0.05);
  }
}
