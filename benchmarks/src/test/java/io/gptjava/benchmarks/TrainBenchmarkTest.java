package io.gptjava.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.benchmarks.StepTimeline.Phase;
import io.gptjava.benchmarks.TrainBenchmarkResult.OpShare;
import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.Precision;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A tiny model on the reference backend: what is counted, and that figures agree; no times. */
final class TrainBenchmarkTest {
  private static final GptConfig MODEL = new GptConfig(37, 8, 12, 2, 3, 0.1f, false, false);
  private static final TrainBenchmark.Settings SETTINGS =
      new TrainBenchmark.Settings(MODEL, Precision.FP32, 2, 7, 2, 4, 1, 5);

  private static TrainBenchmarkResult result;

  @BeforeAll
  static void run() {
    try (Backend backend = Backends.open("reference", BackendOptions.DEFAULT)) {
      result = TrainBenchmark.run(backend, SETTINGS, "test", Optional.of("abc"));
    }
  }

  @Test
  void stepsTrain() {
    assertEquals(4, result.step().count());
    assertEquals(2, result.warmupSteps());
    // Random tokens: the loss stays near that of a uniform guess.
    assertEquals(Math.log(37), result.finalLoss(), 0.5);
  }

  @Test
  void everyOpOfTheStepIsCounted() {
    Map<String, Integer> calls =
        result.ops().stream()
            .collect(Collectors.toMap(op -> op.name().split(" ")[0], OpShare::calls, Integer::sum));
    assertEquals(6, calls.get("linear"));
    assertEquals(2, calls.get("linearGelu"));
    assertEquals(8, calls.get("linearBackwardInput"));
    assertEquals(8, calls.get("linearBackwardWeight"));
    assertEquals(2, calls.get("attention"));
    assertEquals(2, calls.get("attentionBackward"));
    assertEquals(1, calls.get("layerNorm"));
    assertEquals(4, calls.get("residualLayerNorm"));
    assertEquals(5, calls.get("residualLayerNormBackward"));
    for (String once : List.of("embedding", "embeddingBackward", "headCrossEntropy")) {
      assertEquals(1, calls.get(once), once);
    }
    assertEquals(1, calls.get("globalGradientNorm"));
    assertEquals(1, calls.get("adamW"));
    assertTrue(result.ops().stream().noneMatch(op -> op.family().equals("other")));
  }

  @Test
  void opsWithinTheStepDoTheWorkOfItsMatrixProducts() {
    double inOps =
        result.ops().stream()
            .filter(op -> !op.family().equals("attention"))
            .mapToDouble(op -> op.cost().flops())
            .sum();
    assertEquals(6.0 * 14 * (2 * 12 * 144 + 12 * 37), inOps);
    assertEquals(inOps, result.floor().gemmFlops());
  }

  @Test
  void costsOfCallsAreAddedUpOneByOne() {
    OpShare backward =
        result.ops().stream()
            .filter(op -> op.name().equals("residualLayerNormBackward"))
            .findFirst()
            .orElseThrow();
    // Of five links the last has no gradient from later ones, and the first no branch before it.
    double tensors = 3 * 5 + 2 * 4;
    assertEquals(4 * (tensors * 14 * 12 + 5 * (2 * 14 + 3 * 12)), backward.cost().bytes());
  }

  @Test
  void everythingIsTimed() {
    assertTrue(result.ops().stream().allMatch(op -> op.milliseconds() > 0));
    assertTrue(result.matmuls().stream().allMatch(m -> m.milliseconds() > 0));
  }

  @Test
  void floorIsTheBestRateAndMemorySpeed() {
    TrainBenchmarkResult.Floor floor = result.floor();
    double best =
        result.matmuls().stream()
            .mapToDouble(TrainBenchmarkResult.MatmulRate::flopsPerSecond)
            .max()
            .orElseThrow();
    assertEquals(best, floor.gemmPeak());
    assertEquals(28.0 * MODEL.parameterCount(), floor.adamWBytes());
    double seconds =
        floor.gemmFlops() / best + floor.adamWBytes() / result.machine().bytesPerSecond();
    assertEquals(seconds * 1e3, floor.milliseconds(), 1e-9 * floor.milliseconds());
    assertEquals(result.step().median() / (seconds * 1e3), result.ratio(), 1e-9 * result.ratio());
    assertEquals(14e3 / result.step().median(), result.tokensPerSecond(), 1e-6);
  }

  @Test
  void jsonAndTextSayTheSame() throws Exception {
    JsonNode json = new ObjectMapper().readTree(TrainBenchmarkReport.json(result).toString());
    assertEquals(result.ratio(), json.get("ratio").doubleValue());
    assertEquals(result.step().median(), json.get("step_ms_median").doubleValue());
    assertEquals(15, json.get("matmuls").size());
    assertEquals(result.ops().size(), json.get("ops").size());
    assertEquals("abc", json.at("/environment/commit").textValue());
    assertEquals(MODEL.parameterCount(), json.at("/settings/parameters").longValue());
    String text = TrainBenchmarkReport.text(result);
    assertTrue(text.contains("ratio   %.3f".formatted(result.ratio())), text);
    assertTrue(result.ops().stream().allMatch(op -> text.contains(op.name())), text);
    assertTrue(result.matmuls().stream().allMatch(m -> text.contains(m.matmul().name())), text);
  }

  @Test
  void probesLeaveTrainingAsItWas() {
    TrainBenchmarkResult again;
    try (Backend backend = Backends.open("reference", BackendOptions.DEFAULT)) {
      // As many steps in all, but fewer rounds of probes between them.
      TrainBenchmark.Settings fewer =
          new TrainBenchmark.Settings(MODEL, Precision.FP32, 2, 7, 4, 3, 2, 5);
      again = TrainBenchmark.run(backend, fewer, "test", Optional.empty());
    }
    assertEquals(result.finalLoss(), again.finalLoss());
  }

  @Test
  void aStepsTimelineHasEveryCallInOrder() {
    StepTimeline timeline = result.timeline();
    assertEquals("host clock", timeline.method());
    assertEquals(result.ops().stream().mapToInt(OpShare::calls).sum(), timeline.ops().size());
    double last = 0;
    for (StepTimeline.TimedOp op : timeline.ops()) {
      assertTrue(op.begin() >= last && op.end() > op.begin(), op.toString());
      last = op.end();
    }
    assertTrue(timeline.milliseconds() >= last);
    assertEquals(
        List.of(Phase.FORWARD, Phase.BACKWARD, Phase.CLIP, Phase.OPTIMIZER),
        timeline.phases().stream().map(StepTimeline.Span::phase).toList());
  }

  @Test
  void theTraceHoldsOpsWithinPhasesInMicroseconds() {
    StepTimeline timeline = result.timeline();
    JsonNode trace = timeline.chromeTrace("a step", result.environment());
    List<JsonNode> phases = events(trace, "phases");
    List<JsonNode> ops = events(trace, "ops, by host clock");
    assertEquals(4, phases.size());
    assertEquals(timeline.ops().size(), ops.size());
    for (JsonNode op : ops) {
      double begin = op.path("ts").asDouble();
      double end = begin + op.path("dur").asDouble();
      assertTrue(
          phases.stream()
              .anyMatch(
                  phase ->
                      phase.path("ts").asDouble() <= begin
                          && end
                              <= phase.path("ts").asDouble() + phase.path("dur").asDouble() + 1e-6),
          op.toString());
      assertTrue(op.path("args").path("bytes").asDouble() > 0, op.toString());
    }
    StepTimeline.TimedOp update = timeline.ops().getLast();
    assertEquals("adamW", ops.getLast().path("name").asText());
    assertEquals(1e3 * update.begin(), ops.getLast().path("ts").asDouble());
    assertEquals(1e3 * update.milliseconds(), ops.getLast().path("dur").asDouble());
    assertEquals("abc", trace.at("/otherData/commit").asText());
  }

  /** Complete events of the thread with a name. */
  private static List<JsonNode> events(JsonNode trace, String thread) {
    List<JsonNode> all = new ArrayList<>();
    trace.path("traceEvents").forEach(all::add);
    int id =
        all.stream()
            .filter(event -> event.path("name").asText().equals("thread_name"))
            .filter(event -> event.at("/args/name").asText().equals(thread))
            .findFirst()
            .orElseThrow()
            .path("tid")
            .asInt();
    return all.stream()
        .filter(event -> event.path("ph").asText().equals("X") && event.path("tid").asInt() == id)
        .toList();
  }

  @Test
  void refusesNoSteps() {
    GptException e =
        assertThrows(
            GptException.class,
            () -> new TrainBenchmark.Settings(MODEL, Precision.FP32, 2, 7, 1, 0, 1, 1));
    assertEquals(Failure.USAGE, e.failure());
  }
}
