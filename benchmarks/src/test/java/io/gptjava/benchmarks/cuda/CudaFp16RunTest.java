package io.gptjava.benchmarks.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.core.Backend;
import io.gptjava.core.GptConfig;
import io.gptjava.core.LossScale;
import io.gptjava.core.Precision;
import io.gptjava.cuda.CudaBackend;
import io.gptjava.train.Trainer.Outcome;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.Cadence;
import io.gptjava.train.config.Duration;
import io.gptjava.train.config.KeepConfig;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.config.WatchConfig;
import io.gptjava.train.run.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A whole run in fp16. One target a step makes the first step overflow: its logit's gradient is
 * 65,536 · (1 − 1/50,257), which fp16 rounds to infinity.
 */
class CudaFp16RunTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int STEPS = 6;
  private static final int HALF = 3;

  @TempDir private Path folder;
  private TrainConfig config;

  @BeforeEach
  void writeText() throws IOException {
    Path text = folder.resolve("text.txt");
    Files.writeString(text, "The keeper climbed the stairs and lit the lamp. ".repeat(4));
    GptConfig model = new GptConfig(50_257, 1, 32, 1, 1, 0.2f, true, true);
    config =
        TrainConfig.of(model, STEPS, text)
            .withBatch(new BatchConfig(1, 1, 1, new Duration(Duration.Unit.STEPS, STEPS)))
            .withWatch(new WatchConfig(Cadence.NEVER, 0, Cadence.NEVER, "The", 0, Set.of()))
            .withKeep(new KeepConfig(Cadence.every(HALF), 0, KeepConfig.OnNan.STOP, 0))
            .withPrecision(Precision.FP16);
  }

  private static Backend cuda() {
    return new CudaBackend(CudaEmulator.options());
  }

  private Path train(String name, TrainingListener listener) {
    Path out = folder.resolve(name);
    try (Backend backend = cuda();
        TrainingRun run = TrainingRun.create(backend, config, out, listener)) {
      assertEquals(Outcome.FINISHED, run.train());
    }
    return out;
  }

  private static List<JsonNode> events(Path run, String kind) throws IOException {
    List<JsonNode> events = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      JsonNode event = JSON.readTree(line);
      if (event.path("event").asText().equals(kind)) {
        events.add(event);
      }
    }
    return events;
  }

  @Test
  void skippedStepIsToldAndTheRunGoesOn() throws IOException {
    List<TrainingEvent.LossScaled> told = new ArrayList<>();
    Path out =
        train(
            "run",
            event -> {
              if (event instanceof TrainingEvent.LossScaled scaled) {
                told.add(scaled);
              }
            });
    List<JsonNode> logged = events(out, "loss_scale");
    int skipped = logged.size(); // the first step, and what the layers below multiply beyond fp16
    assertTrue(skipped >= 1 && skipped < HALF, skipped + " skipped");
    assertEquals(skipped, told.size());
    List<JsonNode> steps = events(out, "step");
    assertEquals(STEPS, steps.size());
    for (int i = 0; i < STEPS; i++) {
      assertEquals(i < skipped, steps.get(i).path("skipped").asBoolean());
    }
    for (int i = 0; i < skipped; i++) {
      float halved = 65_536f / (2 << i);
      assertEquals(new TrainingEvent.LossScaled(i, halved, true), told.get(i));
      assertEquals(i, logged.get(i).path("step").asLong(-1));
      assertEquals(halved, logged.get(i).path("scale").asDouble());
      assertTrue(logged.get(i).path("skipped").asBoolean());
    }
    assertEquals(Math.log(50_257), steps.getFirst().path("loss").asDouble(), 0.2, "unscaled");
    assertEquals(0, events(out, "warning").size());
    JsonNode trainer = JSON.readTree(out.resolve("checkpoints/000006/trainer.json").toFile());
    assertEquals(STEPS - skipped, trainer.path("updates").asLong());
    assertEquals(65_536 >> skipped, trainer.at("/scaler/scale").asDouble());
    assertEquals(STEPS - skipped, trainer.at("/scaler/growth_tracker").asInt());
  }

  @Test
  void resumeKeepsTheScaleBitForBit() throws IOException {
    Path whole = train("whole", event -> {});
    Path halves = train("halves", event -> {});
    int skipped = events(halves, "loss_scale").size();
    try (Backend backend = cuda();
        TrainingRun run =
            TrainingRun.resume(backend, config, halves, OptionalLong.of(HALF), List.of())) {
      LossScale saved = run.trainer().state().lossScale();
      assertEquals(new LossScale(65_536 >> skipped, HALF - skipped), saved);
      assertEquals(Outcome.FINISHED, run.train());
    }
    for (String file : List.of("model.safetensors", "optimizer.safetensors", "trainer.json")) {
      Path within = Path.of("checkpoints/000006").resolve(file);
      assertEquals(-1, Files.mismatch(whole.resolve(within), halves.resolve(within)), file);
    }
    assertEquals(events(whole, "loss_scale"), events(halves, "loss_scale"));
  }
}
