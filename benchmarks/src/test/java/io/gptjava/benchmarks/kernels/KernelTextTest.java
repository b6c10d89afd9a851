package io.gptjava.benchmarks.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.benchmarks.OpCost;
import io.gptjava.benchmarks.Timing;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Ceilings;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.KernelTime;
import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import io.gptjava.train.run.Environment;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What people read: shares, spreads, notes, and ranks only where timings tell ops apart. */
final class KernelTextTest {
  /** A byte a millisecond is the roof. */
  private static final Ceilings CEILINGS = new Ceilings(1e12, 1e3);

  /** Nine timings around a number of milliseconds, evenly spread over a share of it. */
  private static KernelTime op(String name, double milliseconds, double spread, String note) {
    List<Double> times =
        IntStream.rangeClosed(-4, 4).mapToObj(i -> milliseconds * (1 + spread * i / 8)).toList();
    return new KernelTime("family", name, 1, new OpCost(0, 10), 1, Timing.of(times), note);
  }

  private static KernelBenchmarkResult result(DType type, Ceilings end, KernelTime... kernels) {
    GptConfig model = new GptConfig(64, 16, 32, 2, 2, 0, true, true);
    return new KernelBenchmarkResult(
        KernelBenchmark.Settings.quick(new KernelShapes(model, type, 2, 16), 1),
        Environment.current("1", Optional.empty(), "a backend"),
        "a clock",
        false,
        List.of(CEILINGS, end),
        List.of(kernels));
  }

  @Test
  void spreadIsFromTheMinimumToThe95thPercentileOfTheMedian() {
    assertEquals(0.2, op("op", 100, 0.2, "").timing().spread(), 1e-9);
  }

  @Test
  void opsBelowTheirRoofHaveTheirNoteAndNoisyOnesAMark() {
    String text =
        KernelText.of(
            result(
                DType.F32,
                CEILINGS,
                op("slow", 20, 0.02, "why it is slow"),
                op("fast", 11, 0.02, "why it is fast"),
                op("slow too", 40, 0.3, "why it is slow"),
                op("unexplained", 50, 0.02, "")));
    List<String> lines = text.lines().toList();
    assertTrue(line(lines, "  slow ").endsWith(" 50.0  [1]"), text);
    assertTrue(line(lines, "  fast ").endsWith(" 90.9"), text);
    assertTrue(line(lines, "  slow too").endsWith(" 25.0  [1]"), text);
    assertTrue(line(lines, "  slow too").contains(" 30~"), text);
    assertTrue(line(lines, "  slow ").contains(" 2%"), text);
    assertTrue(lines.contains("[1] why it is slow"), text);
    assertFalse(text.contains("why it is fast"), text);
    assertTrue(text.contains("~ spreads by more than 10 %"), text);
    assertFalse(text.contains("the machine was busy"), text);
    String busy = KernelText.of(result(DType.F32, new Ceilings(1e12, 700), op("op", 20, 0, "")));
    assertTrue(busy.contains("the copy changed by 43 %"), busy);
  }

  private static String line(List<String> lines, String begin) {
    return lines.stream().filter(line -> line.startsWith(begin)).findFirst().orElseThrow();
  }

  @Test
  void ranksAreSharedWhereTimingsDoNotTellOpsApart() {
    Ranking ranking =
        Ranking.of(
            List.of(
                op("b", 20.1, 0.1, ""),
                op("a", 30, 0.1, ""),
                op("c", 20, 0.1, ""),
                op("roof", 10, 0, "")),
            CEILINGS);
    assertEquals(
        List.of("1 a", "2 b", "2 c"),
        ranking.ops().stream().map(op -> op.rank() + " " + op.kernel().name()).toList());
    assertEquals(20, ranking.ops().getFirst().beyond(), 1e-9);
  }

  @Test
  void precisionsAreComparedWhereTimingsTellThemApart() {
    String text =
        KernelText.precisions(
            List.of(
                result(DType.F32, CEILINGS, op("x", 20, 0.05, ""), op("y", 20, 0.2, "")),
                result(DType.BF16, CEILINGS, op("x", 10, 0.05, ""), op("y", 19.9, 0.2, ""))));
    assertTrue(text.contains("2.00 [1.9"), text);
    assertTrue(text.lines().anyMatch(line -> line.startsWith("y") && line.endsWith("no telling")));
    assertEquals("", KernelText.precisions(List.of(result(DType.F32, CEILINGS))));
  }
}
