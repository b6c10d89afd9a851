package io.gptjava.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.LossScale;
import io.gptjava.core.reference.ReferenceBackend;
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
import io.gptjava.train.data.BatchName;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.WeightInitializer;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What is said about a step whose numbers are not finite, and what follows. One token's embedding
 * is so large that the dropout's factor 1 / (1 − p) makes it infinite; the batches without it are
 * good. With {@code asynchronous} the next step begins before a step's results are read, as on a
 * device.
 */
class NonFiniteStepTest {
  private static final GptConfig MODEL = new GptConfig(61, 8, 16, 1, 2, 0.5f, true, false);
  private static final int STEPS = 12;
  private static final int BAD_TOKEN = 60;

  private final List<TrainingEvent> heard = new ArrayList<>();
  private final List<TrainerState> saved = new ArrayList<>();

  /** Token 3 everywhere, and the bad token in some batches. */
  private record Planted(Set<Integer> bad) implements BatchSource {
    @Override
    public int batches() {
      return 2 * STEPS;
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
      Arrays.fill(batch.tokens(), bad.contains(index) ? BAD_TOKEN : 3);
      Arrays.fill(batch.targets(), 5);
      batch.samples(batchSize());
    }

    @Override
    public List<BatchName.Sample> samples(int epoch, int index) {
      return List.of(new BatchName.Sample(index, "place " + index));
    }
  }

  private static Backend open(boolean asynchronous) {
    Backend backend = new ReferenceBackend();
    return asynchronous ? AsynchronousBackend.of(backend) : backend;
  }

  /** Trains with two micro-batches a step; those of these numbers are bad. */
  private TrainerState train(boolean asynchronous, OnNan onNan, Set<Integer> bad) {
    TrainConfig config =
        TrainConfig.of(MODEL, STEPS, Path.of("none.txt"))
            .withBatch(new BatchConfig(2, 8, 2, new Duration(Duration.Unit.STEPS, STEPS)))
            .withWatch(new WatchConfig(Cadence.NEVER, 0, Cadence.NEVER, "", 0, Set.of()))
            .withKeep(new KeepConfig(Cadence.NEVER, 0, onNan, 0));
    try (Backend backend = open(asynchronous)) {
      GptModel model = new GptModel(backend, MODEL, 2, 8, true);
      new WeightInitializer(Initialization.GPT2, 7, 1)
          .initialize(backend, model.layout(), model.masters());
      for (int i = 0; i < MODEL.width(); i++) {
        long place = (long) BAD_TOKEN * MODEL.width() + i;
        model.weights().wte().segment().setAtIndex(ValueLayout.JAVA_FLOAT, place, 3e38f);
      }
      Checkpointer checkpointer =
          (state, _) -> {
            saved.add(state);
            return Path.of("none");
          };
      try (Trainer trainer =
          new Trainer(
              new Trainer.Setup(
                  backend,
                  config,
                  model,
                  new Planted(bad),
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

  private List<String> warnings() {
    return heard.stream()
        .filter(TrainingEvent.Warning.class::isInstance)
        .map(event -> ((TrainingEvent.Warning) event).message())
        .toList();
  }

  /** The bad micro-batch is the step's first, so that the second and the next step hide it. */
  @ParameterizedTest
  @CsvSource({"false,STOP", "true,STOP", "false,ROLLBACK", "true,ROLLBACK"})
  void theBadStepsOwnActivationsAreSearched(boolean asynchronous, OnNan onNan) {
    String start = "step 2: activation h.0.residual is not finite (";
    String data = "epoch 1, batch 4–5, samples 4 (place 4), 5 (place 5))";
    if (onNan == OnNan.STOP) {
      GptException e =
          assertThrows(GptException.class, () -> train(asynchronous, onNan, Set.of(4)));
      assertEquals(Failure.DIVERGED, e.failure());
      assertTrue(e.getMessage().contains("the weights before it are finite"), e.getMessage());
      assertEquals(2, saved.getFirst().step());
      assertEquals(2, saved.getFirst().updates());
    } else {
      TrainerState end = train(asynchronous, onNan, Set.of(4));
      assertEquals(STEPS, end.step());
      assertEquals(STEPS, end.updates());
      assertEquals(LossScale.INITIAL, end.lossScale());
    }
    assertEquals(1, warnings().size());
    String warning = warnings().getFirst();
    assertTrue(warning.startsWith(start), warning);
    assertTrue(warning.contains(data), warning);
  }

  /** Looking for the place leaves no trace in what follows. */
  @Test
  void lookingForThePlaceChangesNothingElse() {
    train(false, OnNan.ROLLBACK, Set.of(4, 9));
    List<Double> plain = losses();
    heard.clear();
    train(true, OnNan.ROLLBACK, Set.of(4, 9));
    assertEquals(plain, losses());
    assertEquals(STEPS, plain.size());
  }

  private List<Double> losses() {
    return heard.stream()
        .filter(TrainingEvent.Step.class::isInstance)
        .map(event -> ((TrainingEvent.Step) event).loss())
        .toList();
  }
}
