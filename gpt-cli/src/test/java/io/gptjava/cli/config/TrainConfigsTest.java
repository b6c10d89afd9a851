package io.gptjava.cli.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.Cadence;
import io.gptjava.train.config.Duration;
import io.gptjava.train.config.OptimizerConfig;
import io.gptjava.train.config.SpikeGuardConfig;
import io.gptjava.train.config.TrainConfig;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class TrainConfigsTest {
  private static TrainConfig config(String... keysAndValues) {
    Layer layer = new Layer();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      Setting setting = Settings.ALL.get(keysAndValues[i]);
      layer.put(setting, List.of(keysAndValues[i + 1]), setting.flag(), "flag");
    }
    return TrainConfigs.from(
        SettingsResolver.resolve(layer, Optional.empty(), Map.of()),
        path -> {
          throw new AssertionError("no weights are wanted");
        });
  }

  @Test
  void textbookIsTheBooks() {
    TrainConfig config = config("preset", "textbook");
    assertEquals(162_419_712, config.model().parameterCount());
    assertEquals(256, config.batch().sequenceLength());
    assertEquals(2, config.batch().batchSize());
    assertEquals(new Duration(Duration.Unit.EPOCHS, 10), config.batch().duration());
    assertEquals(TrainConfig.Initialization.PYTORCH, config.initialization());
    OptimizerConfig optimizer = config.optimizer();
    assertEquals(4e-4, optimizer.learningRate());
    assertEquals(OptimizerConfig.Schedule.CONSTANT, optimizer.schedule());
    assertEquals(0.1f, optimizer.adamW().weightDecay());
    assertEquals(0.999f, optimizer.adamW().beta2());
    assertTrue(optimizer.decayAll());
    assertEquals(0, optimizer.clipNorm());
    assertEquals(Cadence.every(5), config.watch().evaluate());
    assertEquals(5, config.watch().evaluationBatches());
    assertEquals(Cadence.everyEpoch(), config.watch().sample());
    assertEquals("Every effort moves you", config.watch().samplePrompt());
    assertEquals(50, config.watch().sampleTokens());
    assertEquals(Cadence.NEVER, config.keep().save());
    assertEquals(0.9, config.data().trainRatio());
  }

  @Test
  void textbookWarmupIsAppendixD() {
    TrainConfig config = config("preset", "textbook-warmup");
    OptimizerConfig optimizer = config.optimizer();
    assertEquals(new Duration(Duration.Unit.EPOCHS, 15), config.batch().duration());
    assertEquals(1e-3, optimizer.learningRate());
    assertEquals(1e-5, optimizer.initialLearningRate());
    assertEquals(1e-5, optimizer.minLearningRate());
    assertEquals(0.2, optimizer.warmupRatio());
    assertEquals(OptimizerConfig.Schedule.COSINE, optimizer.schedule());
    assertEquals(1, optimizer.clipNorm());
    assertTrue(optimizer.clipAfterWarmup());
    assertEquals(162_419_712, config.model().parameterCount());
  }

  @ParameterizedTest
  @CsvSource({
    "gpt2-124m, 124439808",
    "gpt2-355m, 354823168",
    "gpt2-774m, 774030080",
    "gpt2-1558m, 1557611200",
  })
  void gpt2PresetsHaveTheirSizes(String preset, long parameters) {
    TrainConfig config = config("preset", preset);
    assertEquals(parameters, config.model().parameterCount());
    assertEquals(0.95f, config.optimizer().adamW().beta2());
    assertEquals(700, config.optimizer().warmupSteps());
    assertFalse(config.optimizer().decayAll());
    long stepTokens =
        (long) config.batch().batchSize()
            * config.batch().sequenceLength()
            * config.batch().accumulate();
    assertEquals(524_288, stepTokens);
    assertEquals(
        config.optimizer().learningRate() / 10, config.optimizer().minLearningRate(), 1e-12);
  }

  @ParameterizedTest
  @CsvSource({
    "heads, 5, is not divisible by --heads 5",
    "sequence-length, 65, is more than the model's context length 64",
    "total-batch-tokens, 1000, of the sequence length = 64; use 960 or 1024",
    "total-batch-tokens, 50, of the sequence length = 64; use 64",
    "spike-threshold, 0, makes a spike of every step",
    "spike-window, 1, is too few steps",
    "train-ratio, 0, leaves nothing to train on",
    "beta2, 1, must be less than 1",
    "dropout, 1, is not in [0",
    "vocab-size, 100, is less than the 50257 tokens",
    "min-lr, 2, is more than --lr",
  })
  void refusesWhatDoesNotFitTogether(String key, String value, String reason) {
    GptException e = assertThrows(GptException.class, () -> config(key, value));
    assertEquals(Failure.USAGE, e.failure());
    assertTrue(e.getMessage().contains(reason), e.getMessage());
  }

  @Test
  void aLogNamedTwiceIsOneLog() {
    assertEquals(Set.of("csv", "tensorboard"), config("log", "csv,tensorboard,csv").watch().logs());
  }

  @Test
  void totalBatchTokensSetsAccumulation() {
    assertEquals(16, config("total-batch-tokens", "4096").batch().accumulate());
    BatchConfig given = config("total-batch-tokens", "4096", "batch-size", "8").batch();
    assertEquals(8, given.accumulate());
    GptException e =
        assertThrows(
            GptException.class, () -> config("total-batch-tokens", "1000", "batch-size", "4"));
    assertTrue(e.getMessage().contains("= 4 × 64; use 768 or 1024"), e.getMessage());
  }

  /** Nine windows: not by the preset's four. */
  @Test
  void aBatchThatNobodyGaveDividesTheStep() {
    BatchConfig batch = config("total-batch-tokens", "576").batch();
    assertEquals(3, batch.batchSize());
    assertEquals(3, batch.accumulate());
  }

  @Test
  void theSpikeGuardIsOffUnlessAskedFor() {
    assertEquals(SpikeGuardConfig.OFF, config().keep().spikes());
    assertEquals(
        new SpikeGuardConfig(SpikeGuardConfig.Action.ROLLBACK, 4.5, 50),
        config("spike-guard", "rollback", "spike-threshold", "4.5", "spike-window", "50")
            .keep()
            .spikes());
  }
}
