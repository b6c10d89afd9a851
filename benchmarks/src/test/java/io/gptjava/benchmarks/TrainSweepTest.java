package io.gptjava.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Precision;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.run.Environment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

/** Costs of training steps as batch and length grow. */
final class TrainSweepTest {
  private static final GptConfig MODEL = new GptConfig(64, 32, 16, 2, 2, 0, true, true);

  private static TrainBenchmark.Settings settings(int batch, int sequence) {
    return new TrainBenchmark.Settings(
        MODEL, Precision.FP32, Recompute.NONE, batch, sequence, 2, 2, 1, 5);
  }

  /** A point whose passes take so many microseconds and FLOPs per token. */
  private static TrainPoint point(
      int batch, int sequence, double microseconds, double flops, Map<String, String> others) {
    long tokens = (long) batch * sequence;
    return new TrainPoint(
        settings(batch, sequence),
        others,
        Environment.current("test", Optional.empty(), "CPU"),
        "host clock",
        2,
        Timing.of(List.of(microseconds * tokens * 1e-3 + 1)),
        microseconds * tokens * 1e-3,
        1,
        flops * tokens,
        1000,
        OptionalDouble.empty(),
        false);
  }

  @Test
  void aPlantedLineIsFoundWhateverTheBatch() {
    List<TrainPoint> points = new ArrayList<>();
    for (int batch : List.of(1, 2)) {
      for (int sequence : List.of(8, 16, 32)) {
        points.add(point(batch, sequence, 5 + 0.25 * sequence, 4000 + 100 * sequence, Map.of()));
      }
    }
    CostFit fit = CostFit.of(points);
    assertTrue(fit.sloped());
    assertEquals(5, fit.measured().constant(), 1e-9);
    assertEquals(0.25, fit.measured().slope(), 1e-9);
    assertEquals(0, fit.measured().worst(), 1e-9);
    assertEquals(4000, fit.flops().constant(), 1e-6);
    assertEquals(100, fit.flops().slope(), 1e-6);
    // FLOPs grow at half of the pace: short sequences come out too dear, long ones too cheap.
    assertTrue(fit.deviationFromFlops(points.get(0)) < -0.05);
    assertTrue(fit.deviationFromFlops(points.get(2)) > 0.05);
    assertEquals(
        fit.predicted(points.get(1)), fit.predictedConstant() + 16 * fit.predictedSlope(), 1e-9);
  }

  @Test
  void timesInProportionToFlopsDeviateNowhere() {
    List<TrainPoint> points =
        List.of(
            point(1, 8, 10, 5000, Map.of()),
            point(1, 16, 12, 6000, Map.of()),
            point(3, 32, 16, 8000, Map.of()));
    CostFit fit = CostFit.of(points);
    assertEquals(0.5e9, fit.rate(), 1);
    points.forEach(point -> assertEquals(0, fit.deviationFromFlops(point), 1e-12));
  }

  @Test
  void oneLengthGivesALevelAndEachGroupItsOwnFit() {
    TrainSweep sweep =
        new TrainSweep(
            List.of(
                point(1, 8, 10, 5000, Map.of("recompute", "none")),
                point(1, 8, 13, 5000, Map.of("recompute", "block")),
                point(2, 8, 10, 5000, Map.of("recompute", "none")),
                point(2, 8, 26, 5000, Map.of("recompute", "block")),
                point(2, 8, 7, 5000, Map.of("recompute", "gelu"))),
            List.of(new TrainSweep.Skipped("batch-size 9", "too much")));
    Map<String, CostFit> fits = sweep.fits();
    assertEquals(List.of("recompute none", "recompute block"), List.copyOf(fits.keySet()));
    assertFalse(fits.get("recompute none").sloped());
    assertEquals(10, fits.get("recompute none").measured().constant(), 1e-9);
    // Weights 1/13² and 1/26²: 4:1 for the shorter.
    assertEquals(15.6, fits.get("recompute block").measured().constant(), 1e-9);
    assertEquals(0.4, fits.get("recompute block").measured().worst(), 1e-9);
    assertTrue(sweep.text().contains("skipped batch-size 9: too much"), sweep.text());
  }

  @Test
  void aMeasuredPointSplitsTheStepAndCountsItsFlops() {
    TrainPoint point;
    try (Backend backend = Backends.open("reference", BackendOptions.DEFAULT)) {
      point =
          TrainPoint.measure(
              backend, settings(2, 8), Map.of("recompute", "none"), "test", Optional.empty());
    }
    assertEquals(2, point.step().count());
    assertTrue(point.passes() > 0 && point.update() > 0);
    assertTrue(point.utilisation().orElseThrow() > 0);
    // Every product of the step once forward and twice backward, and attention's own beside them.
    double products = StepMatmul.stepFlops(StepMatmul.of(MODEL, 16));
    assertTrue(point.passFlops() > products && point.passFlops() < 2 * products);
    JsonNode json = new TrainSweep(List.of(point), List.of()).json();
    assertEquals(point.passes(), json.at("/points/0/forward_backward_ms").asDouble());
    assertEquals("none", json.at("/points/0/varied/recompute").asText());
    assertEquals(0, json.path("fits").size());
  }
}
