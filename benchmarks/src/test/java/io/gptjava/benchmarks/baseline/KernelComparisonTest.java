package io.gptjava.benchmarks.baseline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.benchmarks.OpCost;
import io.gptjava.benchmarks.Timing;
import io.gptjava.benchmarks.baseline.KernelComparison.Change;
import io.gptjava.benchmarks.baseline.KernelComparison.Verdict;
import io.gptjava.benchmarks.kernels.KernelBenchmark;
import io.gptjava.benchmarks.kernels.KernelBenchmarkReport;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Ceilings;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.KernelTime;
import io.gptjava.benchmarks.kernels.KernelShapes;
import io.gptjava.core.DType;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.train.run.Environment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class KernelComparisonTest {
  private static final double TOLERANCE = 0.05;
  private static final int OPS = 20;
  private static final int SLOWED = 7;

  @TempDir private Path temporary;

  /** Every timing is off by a few per cent; a machine of another day by a factor. */
  private static KernelBenchmarkResult run(
      Random random, int ops, double machine, double planted, int width) {
    List<KernelTime> kernels = new ArrayList<>();
    for (int op = 0; op < ops; op++) {
      List<Double> times = new ArrayList<>();
      for (int i = 0; i < 7; i++) {
        double noise = Math.exp(0.02 * random.nextGaussian());
        times.add((1 + op) * machine * noise * (op == SLOWED % ops ? planted : 1));
      }
      kernels.add(new KernelTime("family", "op " + op, 1, new OpCost(0, 1e6), 1, Timing.of(times)));
    }
    return new KernelBenchmarkResult(
        KernelBenchmark.Settings.quick(
            new KernelShapes(new GptConfig(64, 16, width, 2, 2, 0, true, true), DType.F32, 2, 16),
            1),
        Environment.current("1", Optional.empty(), "a backend"),
        "a clock",
        false,
        List.of(new Ceilings(1e12 / machine, 1e10 / machine)),
        kernels);
  }

  private KernelBaseline baseline(KernelBenchmarkResult result) {
    return KernelBaseline.read(file(KernelBenchmarkReport.json(result).toString()));
  }

  private Path file(String text) {
    try {
      return Files.writeString(temporary.resolve("baseline.json"), text);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
  void findsTheOneOpThatBecameAFifthSlower(int seed) {
    Random random = new Random(seed);
    KernelBaseline before = baseline(run(random, OPS, 1, 1, 32));
    KernelComparison comparison =
        KernelComparison.of(before, run(random, OPS, 1.3, 1.2, 32), TOLERANCE);
    assertEquals(List.of("op 7"), comparison.slower().stream().map(Change::name).toList());
    assertEquals(1.2, comparison.slower().getFirst().ratio().ratio(), 0.06);
    assertEquals(1.3, comparison.drift(), 0.03);
    assertEquals(1.3, comparison.ceilingDrift(), 1e-9);
    assertFalse(comparison.allSlower());
    assertTrue(comparison.regression());
    assertTrue(
        KernelComparisonReport.text(comparison).contains("REGRESSION: op 7"),
        KernelComparisonReport.text(comparison));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
  void noiseAndAnotherDayAreNoRegression(int seed) {
    Random random = new Random(seed);
    KernelBaseline before = baseline(run(random, OPS, 1, 1, 32));
    for (double machine : new double[] {0.8, 1, 1.4}) {
      KernelComparison comparison =
          KernelComparison.of(before, run(random, OPS, machine, 1, 32), TOLERANCE);
      assertFalse(comparison.regression(), () -> KernelComparisonReport.text(comparison));
    }
  }

  @Test
  void fewOpsAreComparedBesideTheCeilings() {
    Random random = new Random(1);
    KernelBaseline before = baseline(run(random, 1, 1, 1, 32));
    assertFalse(KernelComparison.of(before, run(random, 1, 1.5, 1, 32), TOLERANCE).regression());
    assertTrue(KernelComparison.of(before, run(random, 1, 1.5, 1.2, 32), TOLERANCE).regression());
    KernelComparison faster = KernelComparison.of(before, run(random, 1, 1.5, 0.8, 32), TOLERANCE);
    assertEquals(Verdict.FASTER, faster.changes().getFirst().verdict());
  }

  @Test
  void allOpsTogetherAreARegressionToo() {
    Random random = new Random(2);
    KernelBaseline before = baseline(run(random, OPS, 1, 1, 32));
    KernelBenchmarkResult slow = run(random, OPS, 1.3, 1, 32);
    KernelBenchmarkResult sameMachine =
        new KernelBenchmarkResult(
            slow.settings(),
            slow.environment(),
            slow.method(),
            false,
            List.of(new Ceilings(1e12, 1e10)),
            slow.kernels());
    KernelComparison comparison = KernelComparison.of(before, sameMachine, TOLERANCE);
    assertTrue(comparison.allSlower());
    assertTrue(comparison.confirmedBy(comparison).regression());
    KernelComparison calm = KernelComparison.of(before, run(random, OPS, 1, 1, 32), TOLERANCE);
    assertFalse(comparison.confirmedBy(calm).regression());
  }

  /** An op that another look does not find slower is not called slower. */
  @Test
  void anotherLookConfirmsOrNot() {
    Random random = new Random(3);
    KernelBaseline before = baseline(run(random, OPS, 1, 1, 32));
    KernelComparison slower = KernelComparison.of(before, run(random, OPS, 1, 1.2, 32), TOLERANCE);
    KernelComparison calm = KernelComparison.of(before, run(random, OPS, 1, 1, 32), TOLERANCE);
    assertTrue(slower.confirmedBy(slower).regression());
    assertFalse(slower.confirmedBy(calm).regression());
  }

  @Test
  void refusesWhatCannotBeCompared() {
    KernelBenchmarkResult result = run(new Random(4), 2, 1, 1, 32);
    KernelBaseline before = baseline(result);
    Path path = temporary.resolve("baseline.json");
    assertEquals(before, KernelBaseline.like(path, List.of(before), result));
    refused(
        "width is 32, now it is 64",
        () -> KernelBaseline.like(path, List.of(before), run(new Random(4), 2, 1, 1, 64)));
    KernelBenchmarkResult wide = run(new Random(4), 2, 1, 1, 64);
    KernelBaseline wider = baseline(wide);
    assertEquals(wider, KernelBaseline.like(path, List.of(before, wider), wide));
    refused(
        "none of its 2 runs is of fp32-B2-T16-C128",
        () -> KernelBaseline.like(path, List.of(before, wider), run(new Random(4), 2, 1, 1, 128)));
    String json = KernelBenchmarkReport.json(result).toString();
    refused("is not JSON", () -> KernelBaseline.read(file(json.substring(9))));
    refused("does not exist", () -> KernelBaseline.read(temporary.resolve("nowhere")));
    refused("not of gpt bench kernels", () -> KernelBaseline.read(file("{}")));
    refused(
        "emulator",
        () -> KernelBaseline.read(file(json.replace("\"emulated\":false", "\"emulated\":true"))));
    refused(
        "no timings",
        () -> KernelBaseline.read(file(json.replaceAll("\"ms\":\\[[^]]*\\]", "\"ms\":[-1]"))));
    refused("no ceilings", () -> KernelBaseline.read(file(json.replace("copy_gbps", "copied"))));
  }

  private static void refused(String reason, Executable action) {
    GptException e = assertThrows(GptException.class, action);
    assertEquals(Failure.DATA, e.failure());
    assertTrue(e.getMessage().contains(reason), e.getMessage());
  }
}
