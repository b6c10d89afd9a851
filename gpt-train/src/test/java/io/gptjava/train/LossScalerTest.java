package io.gptjava.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.LossScale;
import io.gptjava.core.Precision;
import io.gptjava.core.contract.RoundedReferenceBackend;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.Cadence;
import io.gptjava.train.config.Duration;
import io.gptjava.train.config.KeepConfig;
import io.gptjava.train.config.KeepConfig.OnNan;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.config.WatchConfig;
import io.gptjava.train.data.Batch;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.WeightInitializer;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Training in fp16 on the reference that rounds to it: what is skipped, what is told and saved, and
 * when it ends. With {@code asynchronous} the next step begins before a step's results are read, as
 * on a device.
 */
class LossScalerTest {
  private static final GptConfig MODEL = new GptConfig(61, 8, 16, 1, 2, 0.1f, true, true);
  private static final int STEPS = 8;

  private final List<TrainingEvent> heard = new ArrayList<>();
  private final List<TrainerState> saved = new ArrayList<>();

  /** Tokens that follow a rule. */
  private static final class Rule implements BatchSource {
    @Override
    public int batches() {
      return STEPS;
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
      Random random = new Random(index);
      for (int i = 0; i < batch.tokens().length; i++) {
        batch.tokens()[i] = random.nextInt(MODEL.vocabularySize());
        batch.targets()[i] = (batch.tokens()[i] * 7 + 3) % MODEL.vocabularySize();
      }
      batch.samples(batchSize());
    }
  }

  private static Backend open(boolean asynchronous) {
    Backend backend = new RoundedReferenceBackend(Precision.FP16);
    return asynchronous ? AsynchronousBackend.of(backend) : backend;
  }

  private static TrainConfig config(Precision precision, OnNan onNan) {
    return TrainConfig.of(MODEL, STEPS, Path.of("none.txt"))
        .withBatch(new BatchConfig(2, 8, 1, new Duration(Duration.Unit.STEPS, STEPS)))
        .withWatch(new WatchConfig(Cadence.NEVER, 0, Cadence.NEVER, "", 0, Set.of()))
        .withKeep(new KeepConfig(Cadence.NEVER, 0, onNan, 0))
        .withPrecision(precision);
  }

  /**
   * Trains from a state.
   *
   * @param weight what the first weight is set to before
   * @return the state at the end
   */
  private TrainerState train(Backend backend, TrainConfig config, LossScale from, float weight) {
    GptModel model = new GptModel(backend, MODEL, config.precision(), 2, 8, true);
    new WeightInitializer(Initialization.GPT2, 7, 1)
        .initialize(backend, model.layout(), model.masters());
    if (!Float.isNaN(weight)) {
      model.masters().segment().set(ValueLayout.JAVA_FLOAT, 0, weight);
    }
    model.mastersChanged();
    TrainerState s = TrainerState.START;
    TrainerState start =
        new TrainerState(
            s.step(),
            s.epoch(),
            s.batch(),
            s.tokens(),
            s.updates(),
            s.bestLoss(),
            s.bestStep(),
            s.evaluationsWithoutImprovement(),
            from,
            GuardState.EMPTY);
    Checkpointer checkpointer =
        (state, validationLoss) -> {
          saved.add(state);
          return Path.of("none");
        };
    try (Trainer trainer =
        new Trainer(
            new Trainer.Setup(
                backend,
                config,
                model,
                new Rule(),
                Optional.empty(),
                new Gpt2Tokenizer(),
                Optional.of(checkpointer),
                List.of(heard::add),
                start,
                Double.NaN))) {
      trainer.run();
      return trainer.state();
    }
  }

  private <E extends TrainingEvent> List<E> heard(Class<E> kind) {
    return heard.stream().filter(kind::isInstance).map(kind::cast).toList();
  }

  /** 2²² / 16 targets: the first gradients overflow; some halvings later they fit. */
  @ParameterizedTest
  @CsvSource({"false,STOP", "true,STOP", "false,ROLLBACK", "true,ROLLBACK"})
  void plantedOverflowIsSkippedAndTrainingGoesOn(boolean asynchronous, OnNan onNan) {
    LossScale from = new LossScale(0x1p22f, 0);
    TrainerState end;
    try (Backend backend = open(asynchronous)) {
      end = train(backend, config(Precision.FP16, onNan), from, Float.NaN);
    }
    List<TrainingEvent.LossScaled> scaled = heard(TrainingEvent.LossScaled.class);
    int skipped = scaled.size();
    assertTrue(skipped > 0 && skipped < STEPS, skipped + " skipped");
    for (int i = 0; i < skipped; i++) {
      float halved = from.value() / (1 << (i + 1));
      assertEquals(new TrainingEvent.LossScaled(i, halved, true), scaled.get(i));
    }
    assertEquals(List.of(), heard(TrainingEvent.Warning.class));
    List<TrainingEvent.Step> steps = heard(TrainingEvent.Step.class);
    assertEquals(STEPS, steps.size());
    for (TrainingEvent.Step step : steps) {
      assertEquals(step.step() < skipped, step.skipped());
      assertEquals(Math.log(61), step.loss(), 0.5, "unscaled");
    }
    assertEquals(STEPS, end.step());
    assertEquals(STEPS - skipped, end.updates());
    assertEquals(new LossScale(from.value() / (1 << skipped), STEPS - skipped), end.lossScale());
    assertEquals(List.of(end), saved);
  }

  /** A weight beyond fp16 makes every step infinite: 2⁻¹² falls below 2⁻¹⁴ with the third. */
  @ParameterizedTest
  @CsvSource({"false,STOP", "true,STOP", "false,ROLLBACK", "true,ROLLBACK"})
  void anExhaustedScaleEndsTheRun(boolean asynchronous, OnNan onNan) {
    try (Backend backend = open(asynchronous)) {
      GptException e =
          assertThrows(
              GptException.class,
              () ->
                  train(backend, config(Precision.FP16, onNan), new LossScale(0x1p-12f, 3), 1e6f));
      assertEquals(Failure.DIVERGED, e.failure());
      assertTrue(e.getMessage().startsWith("step 2: "), e.getMessage());
      assertTrue(e.getMessage().contains("loss scale fell to 3.0517578E-5"), e.getMessage());
      assertTrue(e.getMessage().contains("--precision bf16"), e.getMessage());
    }
    assertEquals(3, heard(TrainingEvent.LossScaled.class).size());
    assertEquals(1, heard(TrainingEvent.Warning.class).size());
    assertEquals("diverged", heard(TrainingEvent.Ended.class).getFirst().reason());
    TrainerState state = saved.getFirst();
    assertEquals(2, state.step());
    assertEquals(0, state.updates());
    assertEquals(new LossScale(0x1p-15f, 0), state.lossScale());
  }

  /** A run in another precision keeps the scale for when it goes on in fp16. */
  @Test
  void otherPrecisionsCarryTheScaleAlong() {
    LossScale from = new LossScale(512, 77);
    try (Backend backend = open(false)) {
      TrainerState end = train(backend, config(Precision.FP32, OnNan.STOP), from, Float.NaN);
      assertEquals(from, end.lossScale());
    }
    assertEquals(List.of(), heard(TrainingEvent.LossScaled.class));
  }

  /** As without scaling, to what the type's 11 bits allow. */
  @Test
  void lossesFollowThoseOfFp32() {
    try (Backend backend = open(false)) {
      train(backend, config(Precision.FP32, OnNan.STOP), LossScale.INITIAL, Float.NaN);
    }
    List<TrainingEvent.Step> expected = heard(TrainingEvent.Step.class);
    heard.clear();
    try (Backend backend = open(false)) {
      train(backend, config(Precision.FP16, OnNan.STOP), LossScale.INITIAL, Float.NaN);
    }
    List<TrainingEvent.Step> actual = heard(TrainingEvent.Step.class);
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      double want = expected.get(i).loss();
      assertEquals(want, actual.get(i).loss(), 0x1p-11 * want, "step " + i);
    }
  }
}
