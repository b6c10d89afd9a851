package io.gptjava.train.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.train.AsynchronousBackend;
import io.gptjava.train.Trainer.Outcome;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.Cadence;
import io.gptjava.train.config.DataConfig;
import io.gptjava.train.config.Duration;
import io.gptjava.train.config.KeepConfig;
import io.gptjava.train.config.KeepConfig.OnNan;
import io.gptjava.train.config.OptimizerConfig;
import io.gptjava.train.config.SpikeGuardConfig;
import io.gptjava.train.config.SpikeGuardConfig.Action;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.config.WatchConfig;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.WeightInitializer;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
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

/**
 * Going back in a run with files: what its log and its checkpoints say, and that resuming agrees.
 */
class RollbackRunTest {
  private static final GptConfig MODEL = new GptConfig(50_257, 8, 16, 1, 2, 0.1f, true, false);
  private static final int STEPS = 32;
  private static final double THRESHOLD = 4;
  private static final String WORD = " zeppelin";

  @TempDir private Path temporary;
  private Path text;

  /** One sentence again and again, and at one place words that never come again. */
  @BeforeEach
  void write() throws IOException {
    text = temporary.resolve("text.txt");
    String line = "The clock struck one and the keeper counted the gulls.\n";
    String odd =
        "violet syntax mortgage"
            + WORD
            + " quantum bishop larvae tariff cobalt sonnet turbine owl\n";
    Files.writeString(text, line.repeat(60) + odd + line.repeat(40));
  }

  private Backend open(boolean asynchronous) {
    Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(2));
    return asynchronous ? AsynchronousBackend.of(backend) : backend;
  }

  private TrainConfig config(OnNan onNan, Action action, int saveEvery) {
    BatchConfig batch = new BatchConfig(4, 8, 1, new Duration(Duration.Unit.STEPS, STEPS));
    Cadence save = saveEvery == 0 ? Cadence.NEVER : Cadence.every(saveEvery);
    return TrainConfig.of(MODEL, STEPS, text)
        .withData(new DataConfig(List.of(text), List.of(), 1, 0, 1, false, true))
        .withBatch(batch)
        .withOptimizer(
            new OptimizerConfig(
                new AdamWSettings(0.9f, 0.95f, 1e-8f, 0),
                false,
                0.01,
                0,
                0,
                OptimizerConfig.Schedule.CONSTANT,
                0,
                0,
                0,
                false))
        .withWatch(new WatchConfig(Cadence.NEVER, 0, Cadence.NEVER, "", 0, Set.of("csv")))
        .withKeep(new KeepConfig(save, 0, onNan, 0, new SpikeGuardConfig(action, THRESHOLD, 6)));
  }

  private Outcome train(Path out, TrainConfig config, boolean asynchronous) {
    try (Backend backend = open(asynchronous);
        TrainingRun run = TrainingRun.create(backend, config, out)) {
      return run.train();
    }
  }

  private Outcome resume(Path out, TrainConfig config, long step) {
    try (Backend backend = open(false);
        TrainingRun run =
            TrainingRun.resume(backend, config, out, OptionalLong.of(step), List.of())) {
      return run.train();
    }
  }

  private static List<JsonNode> events(Path run, String kind) throws IOException {
    List<JsonNode> events = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      JsonNode event = Json.MAPPER.readTree(line);
      if (event.path("event").asText().equals(kind)) {
        events.add(event);
      }
    }
    return events;
  }

  private static void assertEachStepOnce(Path run, int count) throws IOException {
    assertEquals(
        IntStream.range(0, count).boxed().toList(),
        events(run, "step").stream().map(step -> step.path("step").asInt()).toList());
    assertEquals(count + 1, Files.readAllLines(run.resolve("metrics.csv")).size());
  }

  private static byte[][] last(Path run) throws IOException {
    Path folder = Checkpoints.folder(run, STEPS);
    return new byte[][] {
      Files.readAllBytes(folder.resolve("model.safetensors")),
      Files.readAllBytes(folder.resolve("optimizer.safetensors")),
      Files.readAllBytes(folder.resolve("trainer.json"))
    };
  }

  /** The same end whether it goes back to a checkpoint or to the beginning, or is resumed. */
  @Test
  void aSpikeSendsTheRunBackToItsCheckpoint() throws IOException {
    TrainConfig config = config(OnNan.STOP, Action.ROLLBACK, 10);
    Path run = temporary.resolve("run");
    assertEquals(Outcome.FINISHED, train(run, config, true));
    assertEachStepOnce(run, STEPS);
    List<JsonNode> warnings = events(run, "warning");
    assertTrue(!warnings.isEmpty() && warnings.size() <= 3, warnings.toString());
    for (JsonNode warning : warnings) {
      assertEquals("loss_spike", warning.path("kind").asText(), warning.toString());
      assertEquals("rollback", warning.path("action").asText());
      assertEquals(warning.path("step").asInt() / 10 * 10, warning.path("back_to").asInt());
      assertTrue(warning.path("batch").asText().startsWith("epoch 1, batch "), warning.toString());
      assertTrue(warning.path("deviations").asDouble() > THRESHOLD, warning.toString());
      assertEquals(THRESHOLD, warning.path("threshold").asDouble());
    }
    byte[][] end = last(run);
    JsonNode trainer = Json.MAPPER.readTree(end[2]);
    assertEquals(warnings.size(), trainer.at("/guard/passed_over").size(), trainer.toString());
    assertEquals(Outcome.FINISHED, resume(run, config, 30)); // after it went back
    assertSame(end, last(run), "resumed");
    assertEachStepOnce(run, STEPS);
    assertEquals(warnings.size(), events(run, "warning").size());
    Path seldom = temporary.resolve("seldom");
    train(seldom, config(OnNan.STOP, Action.ROLLBACK, 100), false);
    assertEquals(0, events(seldom, "warning").getFirst().path("back_to").asInt());
    assertEachStepOnce(seldom, STEPS);
    assertSame(end, last(seldom), "from the beginning");
  }

  private static void assertSame(byte[][] expected, byte[][] actual, String how) {
    for (int i = 0; i < expected.length; i++) {
      assertArrayEquals(expected[i], actual[i], "file " + i + ", " + how);
    }
  }

  /** Else a spike would cost everything. */
  @Test
  void aRunThatMayGoBackSavesOnTheWay() {
    assertEquals(Cadence.every(6), config(OnNan.STOP, Action.ROLLBACK, 0).keep().due());
    assertEquals(Cadence.NEVER, config(OnNan.ROLLBACK, Action.SKIP, 0).keep().due());
  }

  /** Weights in which one word is too large for numbers. */
  private Path weightsWithABadWord() throws IOException {
    Path folder = Files.createDirectory(temporary.resolve("weights"));
    try (Backend backend = open(false)) {
      GptModel model = new GptModel(backend, MODEL, 1, 8, false);
      new WeightInitializer(TrainConfig.Initialization.GPT2, 7, 1)
          .initialize(backend, model.layout(), model.masters());
      int token = new Gpt2Tokenizer().encode(WORD)[0];
      for (int i = 0; i < MODEL.width(); i++) {
        long place = (long) token * MODEL.width() + i;
        model.weights().wte().segment().setAtIndex(ValueLayout.JAVA_FLOAT, place, 3.3e38f);
      }
      ModelFolder.write(folder, new FlatParameters(backend, model.layout(), model.masters()));
    }
    return folder;
  }

  private static TrainConfig from(TrainConfig c, Path weights) {
    return new TrainConfig(
        c.name(),
        c.data(),
        c.model(),
        c.initialization(),
        Optional.of(weights),
        c.batch(),
        c.optimizer(),
        c.precision(),
        c.recompute(),
        c.seed(),
        c.watch(),
        c.keep());
  }

  @Test
  void dataThatIsNotFiniteIsNamedAndLeftOut() throws IOException {
    TrainConfig config = from(config(OnNan.ROLLBACK, Action.OFF, 10), weightsWithABadWord());
    Path run = temporary.resolve("run");
    assertEquals(Outcome.FINISHED, train(run, config, true));
    assertEachStepOnce(run, STEPS);
    List<JsonNode> warnings = events(run, "warning");
    assertEquals(1, warnings.size(), warnings.toString());
    JsonNode warning = warnings.getFirst();
    assertEquals("non_finite", warning.path("kind").asText());
    assertEquals("rollback", warning.path("action").asText());
    assertEquals(warning.path("step").asInt(), warning.path("back_to").asInt(), "nothing is lost");
    assertTrue(warning.path("message").asText().contains("h.0.residual"), warning.toString());
    String batch = warning.path("batch").asText();
    assertTrue(batch.startsWith("epoch 1, batch 24, samples 96 (tokens 768–"), batch);
    byte[][] end = last(run);
    assertEquals(Outcome.FINISHED, resume(run, config, 20)); // before it went back
    assertSame(end, last(run), "resumed");
    assertEachStepOnce(run, STEPS);
  }

  @Test
  void theSameDataStopsARunThatMayNotGoBack() throws IOException {
    TrainConfig config = from(config(OnNan.STOP, Action.OFF, 0), weightsWithABadWord());
    Path run = temporary.resolve("run");
    GptException e = assertThrows(GptException.class, () -> train(run, config, false));
    assertEquals(Failure.DIVERGED, e.failure());
    JsonNode warning = events(run, "warning").getFirst();
    assertEquals("stop", warning.path("action").asText());
    int step = warning.path("step").asInt();
    assertEquals(List.of((long) step), Checkpoints.list(run), "the weights before it");
    assertEachStepOnce(run, step);
    RunHistory history = RunHistory.read(run);
    TrainingEvent.Ended ended = (TrainingEvent.Ended) history.events().getLast();
    assertEquals("diverged", ended.reason());
    assertEquals(history.steps().getLast().loss(), ended.summary().lastLoss());
  }
}
