package io.gptjava.train.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.Precision;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.train.AsynchronousBackend;
import io.gptjava.train.Evaluator;
import io.gptjava.train.Trainer.Outcome;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.Cadence;
import io.gptjava.train.config.DataConfig;
import io.gptjava.train.config.Duration;
import io.gptjava.train.config.Duration.Unit;
import io.gptjava.train.config.KeepConfig;
import io.gptjava.train.config.KeepConfig.OnNan;
import io.gptjava.train.config.OptimizerConfig;
import io.gptjava.train.config.OptimizerConfig.Schedule;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.config.WatchConfig;
import io.gptjava.train.data.Datasets;
import io.gptjava.train.model.GptModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole small runs: what they keep, and that going on is the same as never having stopped. */
class TrainingRunTest {
  private static final int STEPS = 8; // 3 epochs of 5 batches, 2 micro-batches a step: 2 + 2 + 1

  private boolean asynchronous;

  @TempDir private Path temporary;
  private Path text;

  @BeforeEach
  void writeText() throws IOException {
    text = temporary.resolve("text.txt");
    String line = "The clock struck %d and the keeper counted %d gulls over the harbour wall.%n";
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      all.append(line.formatted(i, i * 7));
    }
    Files.writeString(text, all);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 7})
  void stoppedAndResumedEqualsUninterrupted(int stopAfter) throws IOException {
    Path whole = temporary.resolve("whole");
    train(whole, config(1e-3), List.of());

    Path halves = temporary.resolve("halves");
    try (Backend backend = open()) {
      List<TrainingListener> listeners = new ArrayList<>();
      try (TrainingRun run =
          TrainingRun.create(backend, config(1e-3), recorded(), halves, listeners(listeners))) {
        listeners.add(
            event -> {
              if (event instanceof TrainingEvent.Step step && step.step() == stopAfter - 1) {
                run.trainer().requestStop();
              }
            });
        assertEquals(Outcome.STOPPED, run.train());
        assertEquals(stopAfter, run.trainer().state().step());
      }
    }
    assertEquals(List.of((long) stopAfter), Checkpoints.list(halves));
    try (Backend backend = open();
        TrainingRun run =
            TrainingRun.resume(backend, config(1e-3), halves, OptionalLong.empty(), List.of())) {
      assertEquals(Outcome.FINISHED, run.train());
    }

    for (String file : List.of("model.safetensors", "optimizer.safetensors", "trainer.json")) {
      String path = "checkpoints/%06d/%s".formatted(STEPS, file);
      assertArrayEquals(
          Files.readAllBytes(whole.resolve(path)), Files.readAllBytes(halves.resolve(path)), file);
    }
    assertEquals(events(whole, "step", "loss"), events(halves, "step", "loss"));
    assertEquals(events(whole, "eval", "val_loss"), events(halves, "eval", "val_loss"));
    assertEquals(events(whole, "sample", "text"), events(halves, "sample", "text"));
    assertEquals(
        IntStream.range(0, STEPS).mapToObj(Integer::toString).toList(),
        events(halves, "step", "step"));
  }

  /** Listeners of a run that are decided after it exists. */
  private static List<TrainingListener> listeners(List<TrainingListener> later) {
    return List.of(event -> later.forEach(listener -> listener.on(event)));
  }

  @Test
  void goesBackToAnEarlierCheckpoint() throws IOException {
    Path out = temporary.resolve("out");
    TrainConfig config = config(1e-3);
    train(out, saving(config, Cadence.every(3)), List.of());
    assertEquals(List.of(3L, 6L, 8L), Checkpoints.list(out));
    byte[] model = Files.readAllBytes(out.resolve("checkpoints/000008/model.safetensors"));
    try (Backend backend = open();
        TrainingRun run =
            TrainingRun.resume(
                backend, saving(config, Cadence.every(3)), out, OptionalLong.of(3), List.of())) {
      run.train();
    }
    assertEquals(List.of(3L, 6L, 8L), Checkpoints.list(out));
    assertArrayEquals(
        model, Files.readAllBytes(out.resolve("checkpoints/000008/model.safetensors")));
    assertEquals(STEPS, events(out, "step", "step").size());
  }

  @Test
  void aRunThatCannotBeginLeavesNoFolder() {
    Path out = temporary.resolve("runs/new");
    ObjectNode unwritable = new ObjectMapper().createObjectNode();
    unwritable.putPOJO("value", new Object()); // nothing in it can be written
    try (Backend backend = open()) {
      assertThrows(
          IllegalStateException.class,
          () -> TrainingRun.create(backend, config(1e-3), unwritable, out, List.of()));
    }
    assertFalse(Files.exists(out), "half a run is left");
  }

  @Test
  void chartsThatCannotBeDrawnAreAWarningToAll() throws IOException {
    Path out = temporary.resolve("run");
    List<String> heard = new ArrayList<>();
    TrainingListener listener =
        event -> {
          if (event instanceof TrainingEvent.Warning warning) {
            heard.add(warning.message());
          }
        };
    try (Backend backend = open();
        TrainingRun run =
            TrainingRun.create(backend, config(1e-3), recorded(), out, List.of(listener))) {
      Files.createDirectories(out.resolve("loss.svg/in-the-way"));
      assertEquals(Outcome.FINISHED, run.train());
    }
    assertEquals(1, heard.size(), heard.toString());
    assertTrue(heard.getFirst().startsWith("No charts: Cannot write"), heard.toString());
    assertEquals(heard, events(out, "warning", "message"));
  }

  @Test
  void refusesToContinueOnOtherData() throws IOException {
    Path out = temporary.resolve("out");
    train(out, config(1e-3), List.of());
    Files.writeString(text, Files.readString(text).replace("gulls", "ducks"));
    try (Backend backend = open()) {
      GptException e =
          assertThrows(
              GptException.class,
              () ->
                  TrainingRun.resume(backend, config(1e-3), out, OptionalLong.empty(), List.of()));
      assertEquals(Failure.DATA, e.failure());
    }
    RunFolder.open(out).close(); // nothing stays locked
  }

  @Test
  void divergenceNamesATensorAndKeepsTheLastGoodWeights() throws IOException {
    Path out = temporary.resolve("out");
    GptException e = assertThrows(GptException.class, () -> train(out, config(1e30), List.of()));
    assertEquals(Failure.DIVERGED, e.failure());
    assertTrue(e.getMessage().startsWith("step 1: activation h.0."), e.getMessage());
    assertEquals(List.of(1L), Checkpoints.list(out));
    assertEquals(List.of("diverged"), events(out, "end", "reason"));
    assertEquals("diverged", RunState.read(out).orElseThrow().status());
  }

  @Test
  void aCheckpointCarriesTheLossOfItsOwnWeights() throws IOException {
    Path out = temporary.resolve("out");
    TrainConfig config = saving(config(1e-2), Cadence.every(3)); // evaluated after 1, 4 and 7 steps
    train(out, config, List.of());
    for (long step : Checkpoints.list(out)) {
      try (Backend backend = open();
          Datasets data = Datasets.load(config.data(), 8, 3, config.seed(), new Gpt2Tokenizer())) {
        Checkpoint checkpoint = Checkpoints.open(out, step);
        GptModel model = new GptModel(backend, config.model(), 3, 8, false);
        checkpoint.readModel(new FlatParameters(backend, model.layout(), model.masters()));
        double loss =
            new Evaluator(model, backend.stepControl())
                .evaluate(data.validation().orElseThrow(), 0, 2)
                .loss();
        assertEquals(loss, checkpoint.info().validationLoss(), "checkpoint " + step);
      }
    }
    RunState state = RunState.read(out).orElseThrow();
    CheckpointInfo best =
        CheckpointInfo.read(Checkpoints.folder(out, state.bestCheckpoint().orElseThrow()));
    assertEquals(best.validationLoss(), state.bestLoss());
  }

  @Test
  void leavingDataOutInVainIsDivergenceAndNotAFinishedRun() throws IOException {
    Path out = temporary.resolve("out");
    TrainConfig config = config(1e30);
    BatchConfig longer = new BatchConfig(3, 8, 2, new Duration(Unit.STEPS, 40));
    KeepConfig keep = new KeepConfig(Cadence.NEVER, 0, OnNan.ROLLBACK, 0);
    GptException e =
        assertThrows(
            GptException.class,
            () -> train(out, config.withBatch(longer).withKeep(keep), List.of()));
    assertEquals(Failure.DIVERGED, e.failure());
    assertTrue(e.getMessage().contains("the weights before it are finite"), e.getMessage());
    assertTrue(e.getMessage().contains("epoch 2, batch 2–3"), e.getMessage());
    assertEquals(List.of("diverged"), events(out, "end", "reason"));
    assertEquals(
        List.of("rollback", "rollback", "rollback", "stop"), events(out, "warning", "action"));
    assertEquals(List.of("0"), events(out, "step", "step"));
  }

  /** As on a device: each step begins before the results of the last one are read. */
  @Test
  void stepsIssuedAheadChangeNothing() throws IOException {
    Path plain = temporary.resolve("plain");
    Path ahead = temporary.resolve("ahead");
    train(plain, config(1e-3), List.of());
    asynchronous = true;
    train(ahead, config(1e-3), List.of());
    for (String file : List.of("model.safetensors", "optimizer.safetensors", "trainer.json")) {
      Path within = Path.of("checkpoints/000008").resolve(file);
      assertEquals(-1, Files.mismatch(plain.resolve(within), ahead.resolve(within)), file);
    }
    assertEquals(events(plain, "step", "loss"), events(ahead, "step", "loss"));
    assertEquals(events(plain, "eval", "val_loss"), events(ahead, "eval", "val_loss"));
  }

  @Test
  void divergenceOfAStepBehindTheNextKeepsTheLastGoodWeights() throws IOException {
    Path plain = temporary.resolve("plain");
    Path ahead = temporary.resolve("ahead");
    assertThrows(GptException.class, () -> train(plain, config(1e30), List.of()));
    asynchronous = true;
    assertThrows(GptException.class, () -> train(ahead, config(1e30), List.of()));
    assertEquals(List.of(1L), Checkpoints.list(ahead));
    Path weights = Path.of("checkpoints/000001/model.safetensors");
    assertEquals(-1, Files.mismatch(plain.resolve(weights), ahead.resolve(weights)));
  }

  @Test
  void reportsWhatHappenedInOrder() throws IOException {
    List<String> heard = new ArrayList<>();
    train(
        temporary.resolve("out"),
        config(1e-3),
        List.of(event -> heard.add(event.getClass().getSimpleName())));
    assertEquals(
        List.of(
            "Started",
            "Step",
            "Evaluated",
            "Step",
            "Step",
            "Sampled",
            "EpochEnded",
            "Step",
            "Evaluated",
            "Step",
            "Step",
            "Sampled",
            "EpochEnded",
            "Step",
            "Evaluated",
            "Step",
            "Saved",
            "Ended"),
        heard);
  }

  private void train(Path out, TrainConfig config, List<TrainingListener> listeners) {
    try (Backend backend = open();
        TrainingRun run = TrainingRun.create(backend, config, recorded(), out, listeners)) {
      assertEquals(Outcome.FINISHED, run.train());
    }
  }

  private Backend open() {
    Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(2));
    return asynchronous ? AsynchronousBackend.of(backend) : backend;
  }

  private static JsonNode recorded() {
    return new ObjectMapper().createObjectNode();
  }

  private TrainConfig config(double learningRate) {
    return new TrainConfig(
        "test",
        new DataConfig(List.of(text), List.of(), 0.8, 0, 1, true, false),
        new GptConfig(50_257, 8, 8, 2, 2, 0.2f, true, true),
        Initialization.GPT2,
        Optional.empty(),
        new BatchConfig(3, 8, 2, new Duration(Unit.STEPS, STEPS)),
        new OptimizerConfig(
            new AdamWSettings(0.9f, 0.95f, 1e-8f, 0.1f),
            false,
            learningRate,
            0,
            learningRate / 10,
            Schedule.COSINE,
            0,
            0,
            1,
            false),
        Precision.FP32,
        Recompute.NONE,
        77,
        new WatchConfig(Cadence.every(3), 2, Cadence.everyEpoch(), "The clock", 4, Set.of()),
        new KeepConfig(Cadence.NEVER, 0, OnNan.STOP, 0));
  }

  private static TrainConfig saving(TrainConfig c, Cadence save) {
    return c.withKeep(new KeepConfig(save, 0, OnNan.STOP, 0));
  }

  /** One field of all events of a kind. */
  private static List<String> events(Path run, String kind, String field) throws IOException {
    List<String> values = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      ObjectNode event = (ObjectNode) new ObjectMapper().readTree(line);
      if (event.get("event").asText().equals(kind)) {
        values.add(event.get(field).asText());
      }
    }
    return values;
  }
}
