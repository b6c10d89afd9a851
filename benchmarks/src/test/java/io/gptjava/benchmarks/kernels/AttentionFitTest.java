package io.gptjava.benchmarks.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.benchmarks.LineFit;
import org.junit.jupiter.api.Test;

final class AttentionFitTest {
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
