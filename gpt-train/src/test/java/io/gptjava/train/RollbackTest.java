package io.gptjava.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.Precision;
import io.gptjava.core.contract.RoundedReferenceBackend;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.train.Decision.Action;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.Cadence;
import io.gptjava.train.config.Duration;
import io.gptjava.train.config.KeepConfig;
import io.gptjava.train.config.KeepConfig.OnNan;
import io.gptjava.train.config.OptimizerConfig;
import io.gptjava.train.config.SpikeGuardConfig;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.config.WatchConfig;
import io.gptjava.train.data.Batch;
import io.gptjava.train.data.BatchName;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.data.DataSpan;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.WeightInitializer;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Bad data is named and left out, and the run becomes the one that never had it. Good batches
 * follow a rule that is soon learnt; a spike is a batch that breaks it; one token's embedding
 * becomes infinite. With {@code asynchronous} the next step begins before a step's results are
 * read, as on a device.
 */
class RollbackTest {
  private static final GptConfig MODEL = new GptConfig(61, 8, 16, 1, 2, 0.1f, true, false);
  private static final int BAD_TOKEN = 60;
  private static final int EPOCH = 32;
  private static final int STEPS = 38;

  private final List<TrainingEvent> heard = new ArrayList<>();
  private List<TrainerState> saved = List.of();

  /** Good batches with those of some places in the first epoch replaced. */
  private record Planted(List<Integer> numbers, Set<Integer> spikes, Set<Integer> infinite)
      implements BatchSource {
    static Planted with(Set<Integer> spikes, Set<Integer> infinite) {
      return new Planted(IntStream.range(0, EPOCH).boxed().toList(), spikes, infinite);
    }

    /** The same data, as if there were no bad batch in it. */
    Planted without() {
      List<Integer> good =
          numbers.stream().filter(i -> !spikes.contains(i) && !infinite.contains(i)).toList();
      return new Planted(good, Set.of(), Set.of());
    }

    @Override
    public int batches() {
      return numbers.size();
    }

    @Override
    public int batchSize() {
      return 2;
    }

    @Override
    public int sequence() {
      return MODEL.contextLength();
    }

    @Override
    public void read(int epoch, int index, Batch batch) {
      int number = numbers.get(index);
      Random random = new Random(100L * epoch + number);
      for (int i = 0; i < batch.tokens().length; i++) {
        int token = random.nextInt(5);
        batch.tokens()[i] = infinite.contains(number) ? BAD_TOKEN : token;
        batch.targets()[i] = spikes.contains(number) ? 40 + token : token + 1;
      }
      batch.samples(batchSize());
    }

    @Override
    public List<BatchName.Sample> samples(int epoch, int index) {
      return List.of(new BatchName.Sample(index, "place " + index));
    }
  }

  private static SpikeGuardConfig guard(SpikeGuardConfig.Action action) {
    return new SpikeGuardConfig(action, 4, 6);
  }

  private static KeepConfig keep(OnNan onNan, SpikeGuardConfig.Action action) {
    return new KeepConfig(Cadence.every(5), 0, onNan, 0, guard(action));
  }

  private TrainerState train(boolean asynchronous, KeepConfig keep, BatchSource source) {
    return train(
        Backends.open("cpu", BackendOptions.DEFAULT.withThreads(1)),
        asynchronous,
        Precision.FP32,
        keep,
        source);
  }

  private TrainerState train(
      Backend plain,
      boolean asynchronous,
      Precision precision,
      KeepConfig keep,
      BatchSource source) {
    heard.clear();
    TrainConfig config =
        TrainConfig.of(MODEL, STEPS, Path.of("none.txt"))
            .withBatch(new BatchConfig(2, 8, 1, new Duration(Duration.Unit.STEPS, STEPS)))
            .withWatch(new WatchConfig(Cadence.NEVER, 0, Cadence.NEVER, "", 0, Set.of()))
            .withOptimizer(
                new OptimizerConfig(
                    new AdamWSettings(0.9f, 0.95f, 1e-8f, 0),
                    false,
                    0.02,
                    0,
                    0,
                    OptimizerConfig.Schedule.CONSTANT,
                    0,
                    0,
                    0,
                    false))
            .withPrecision(precision)
            .withKeep(keep);
    try (Backend backend = asynchronous ? AsynchronousBackend.of(plain) : plain) {
      GptModel model = new GptModel(backend, MODEL, precision, 2, 8, true);
      new WeightInitializer(Initialization.GPT2, 7, 1)
          .initialize(backend, model.layout(), model.masters());
      for (int i = 0; i < MODEL.width(); i++) {
        long place = (long) BAD_TOKEN * MODEL.width() + i;
        model.masters().segment().setAtIndex(ValueLayout.JAVA_FLOAT, place, 3.3e38f);
      }
      model.mastersChanged();
      MemoryCheckpointer checkpointer = new MemoryCheckpointer(model, TrainerState.START);
      saved = checkpointer.saved();
      try (Trainer trainer =
          new Trainer(
              new Trainer.Setup(
                  backend,
                  config,
                  model,
                  source,
                  Optional.empty(),
                  new Gpt2Tokenizer(),
                  Optional.of(checkpointer),
                  List.of(heard::add),
                  TrainerState.START,
                  Double.NaN))) {
        trainer.run();
        return trainer.state();
      }
    }
  }

  /** The loss of each step as it counts: later reports of a step take the place of earlier ones. */
  private List<Double> losses() {
    TreeMap<Long, Double> losses = new TreeMap<>();
    for (TrainingEvent event : heard) {
      if (event instanceof TrainingEvent.Step step) {
        losses.put(step.step(), step.loss());
      }
    }
    return List.copyOf(losses.values());
  }

  private List<Decision> decisions() {
    return heard.stream()
        .filter(TrainingEvent.Warning.class::isInstance)
        .map(event -> ((TrainingEvent.Warning) event).decision().orElseThrow())
        .toList();
  }

  /** Batch 31 is the last of the epoch. */
  @ParameterizedTest
  @CsvSource({"false,24", "true,24", "true,31"})
  void aRunThatGoesBackFromASpikeIsTheOneWithoutIt(boolean asynchronous, int bad) {
    KeepConfig keep = keep(OnNan.STOP, SpikeGuardConfig.Action.ROLLBACK);
    Planted source = Planted.with(Set.of(bad), Set.of());
    train(asynchronous, keep, source.without());
    List<Double> without = losses();
    assertEquals(List.of(), decisions(), "good data is no spike");
    TrainerState end = train(asynchronous, keep, source);
    assertEquals(without, losses());
    assertEquals(STEPS, end.step());
    assertEquals(List.of(new DataSpan(0, bad, 1)), end.guard().passedOver());
    Decision decision = decisions().getFirst();
    assertEquals("loss_spike", decision.kind());
    assertEquals(Action.ROLLBACK, decision.action());
    assertEquals(bad / 5 * 5, decision.backTo(), "the last checkpoint");
    assertEquals(
        "epoch 1, batch %d, sample %d (place %d)".formatted(bad, bad, bad), decision.batch());
    assertTrue(decision.deviations() > decision.threshold(), decision.toString());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void skippingDropsTheUpdateBeforeItIsMade(boolean asynchronous) {
    KeepConfig keep = keep(OnNan.STOP, SpikeGuardConfig.Action.SKIP);
    TrainerState end = train(asynchronous, keep, Planted.with(Set.of(24), Set.of()));
    assertEquals(STEPS, end.step());
    assertEquals(STEPS - 1, end.updates());
    Decision decision = decisions().getFirst();
    assertEquals(1, decisions().size());
    assertEquals(Action.SKIP, decision.action());
    assertEquals(-1, decision.backTo());
    List<TrainingEvent.Step> steps =
        heard.stream()
            .filter(TrainingEvent.Step.class::isInstance)
            .map(TrainingEvent.Step.class::cast)
            .toList();
    for (TrainingEvent.Step step : steps) {
      assertEquals(step.step() == 24, step.skipped(), "step " + step.step());
    }
    assertTrue(steps.get(24).loss() > steps.get(23).loss() + 1, "the spike is logged");
    assertTrue(steps.get(25).loss() < steps.get(23).loss() + 0.5, "and left no trace");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void dataThatIsNotFiniteIsLeftOutAndNothingIsLost(boolean asynchronous) {
    KeepConfig keep = keep(OnNan.ROLLBACK, SpikeGuardConfig.Action.OFF);
    Planted source = Planted.with(Set.of(), Set.of(3, 24));
    train(asynchronous, keep, source.without());
    List<Double> without = losses();
    TrainerState end = train(asynchronous, keep, source);
    assertEquals(without, losses());
    assertEquals(STEPS, end.updates());
    assertEquals(
        List.of("epoch 1, batch 3", "epoch 1, batch 24", "epoch 2, batch 3"),
        decisions().stream().map(d -> d.batch().replaceFirst(", sample.*", "")).toList());
    for (Decision decision : decisions()) {
      assertEquals("non_finite", decision.kind());
      assertEquals(Action.ROLLBACK, decision.action());
    }
    assertEquals(3, decisions().getFirst().backTo(), "as far as the step itself");
  }

  /** Three may be left out; the fourth ends the run with the weights before it. */
  @ParameterizedTest
  @CsvSource({"true,3", "false,4", "true,4"})
  void theFourthTimeInARowEndsTheRun(boolean asynchronous, int bad) {
    KeepConfig keep = keep(OnNan.ROLLBACK, SpikeGuardConfig.Action.ROLLBACK);
    Set<Integer> places = Set.copyOf(IntStream.range(21, 21 + bad).boxed().toList());
    for (Planted source : List.of(Planted.with(Set.of(), places), Planted.with(places, Set.of()))) {
      boolean spikes = !source.spikes().isEmpty();
      if (bad == 3) {
        assertEquals(STEPS, train(asynchronous, keep, source).step());
        continue;
      }
      GptException e = assertThrows(GptException.class, () -> train(asynchronous, keep, source));
      assertEquals(Failure.DIVERGED, e.failure());
      assertTrue(e.getMessage().contains("3 times in a row"), e.getMessage());
      assertEquals(
          List.of(Action.ROLLBACK, Action.ROLLBACK, Action.ROLLBACK, Action.STOP),
          decisions().stream().map(Decision::action).toList());
      assertEquals(spikes ? 20 : 21, saved.getLast().step());
      TrainingEvent.Ended ended = (TrainingEvent.Ended) heard.getLast();
      assertEquals("diverged", ended.reason());
      assertEquals(spikes ? 19 : 20, ended.step());
    }
  }

  /** Losses that stay up are no spike: dropping every update would hide it. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void tooManyDroppedUpdatesEndTheRun(boolean asynchronous) {
    KeepConfig keep = keep(OnNan.STOP, SpikeGuardConfig.Action.SKIP);
    Set<Integer> rest = Set.copyOf(IntStream.range(21, EPOCH).boxed().toList());
    GptException e =
        assertThrows(
            GptException.class, () -> train(asynchronous, keep, Planted.with(rest, Set.of())));
    assertEquals(Failure.DIVERGED, e.failure());
    assertTrue(e.getMessage().contains("9 updates in a row were dropped"), e.getMessage());
    assertEquals(21, saved.getLast().updates());
  }

  /** An overflow that only lowers the scale is neither good nor a spike. */
  @Test
  void stepsThatFp16SkipsAreNoSpikes() {
    KeepConfig keep = keep(OnNan.ROLLBACK, SpikeGuardConfig.Action.ROLLBACK);
    Backend backend = new RoundedReferenceBackend(Precision.FP16);
    TrainerState end =
        train(backend, true, Precision.FP16, keep, Planted.with(Set.of(24), Set.of(9)));
    assertEquals(STEPS, end.step());
    assertEquals(1, decisions().size(), decisions().toString());
    assertEquals("loss_spike", decisions().getFirst().kind());
    assertFalse(saved.isEmpty());
    assertEquals(STEPS - 1, end.updates(), "batch 9 overflows");
  }
}
