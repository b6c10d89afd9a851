package io.gptjava.cli.command;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.benchmarks.kernels.KernelBenchmark;
import io.gptjava.benchmarks.kernels.KernelShapes;
import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

final class KernelProcessesTest {
  @Test
  void aProcessGetsOneShapeAndPrecisionAndNoFiles() {
    KernelBenchmark.Settings settings =
        KernelBenchmark.Settings.quick(
                new KernelShapes(new GptConfig(64, 16, 32, 3, 2, 0, true, true), DType.BF16, 4, 8),
                1)
            .withOnly(Pattern.compile("gelu|copy"));
    assertEquals(
        List.of(
            "bench",
            "kernels",
            "--preset",
            "textbook",
            "--quick",
            "--threads=2",
            "--json",
            "--precision=bf16",
            "--only=gelu|copy",
            "--dropout=0.0",
            "--shapes=B=4,T=8,C=32,H=2,L=3,V=64"),
        KernelProcesses.command(
            List.of(
                "bench",
                "kernels",
                "--preset",
                "textbook",
                "--processes",
                "5",
                "--quick",
                "--precision",
                "fp32,bf16",
                "--sweep",
                "--threads=2",
                "--baseline=before.json",
                "--json"),
            settings));
  }
}
