package io.gptjava.train.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.GptConfig;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.Precision;
import io.gptjava.core.StepInputs;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.data.Batch;
import io.gptjava.train.model.MemoryPlan.Role;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Recomputation changes memory and time, and nothing else. */
class RecomputeTest {
  private static final int BATCH = 2;
  private static final int SEQUENCE = 9;
  private static final int STEPS = 4;
  private static final int MICRO_BATCHES = 2;

  static Stream<Arguments> models() {
    GptConfig textbook = new GptConfig(31, 9, 36, 3, 3, 0.2f, false, false);
    GptConfig gpt2 = new GptConfig(31, 11, 32, 4, 2, 0.1f, true, true);
    GptConfig oneLayer = new GptConfig(31, 9, 16, 1, 1, 0.1f, true, true);
    return Stream.concat(
        Stream.of("reference", "cpu")
            .flatMap(
                backend ->
                    Stream.of(textbook, gpt2, oneLayer)
                        .map(c -> Arguments.of(backend, c, Precision.FP32))),
        Stream.of(textbook, gpt2).map(c -> Arguments.of("cpu", c, Precision.BF16)));
  }

  /** Losses of all steps, then weights, gradients of the last step, and an evaluation's loss. */
  private record Trace(List<Double> losses, float[] weights, float[] gradients) {}

  private static Trace train(
      String name, GptConfig config, Precision precision, Recompute recompute) {
    BackendOptions options = BackendOptions.DEFAULT.withCache(Path.of("target", "cache"));
    try (Backend backend = Backends.open(name, options.withThreads(2))) {
      GptModel model =
          new GptModel(backend, new ModelSize(config, precision, recompute, BATCH, SEQUENCE, true));
      new WeightInitializer(Initialization.GPT2, 3, config.layers())
          .initialize(backend, model.layout(), model.masters());
      model.mastersChanged();
      OptimizerState state = model.optimizerState(false);
      List<Double> losses = new ArrayList<>();
      Random random = new Random(5);
      Batch batch = new Batch(BATCH, SEQUENCE);
      batch.samples(BATCH);
      for (int step = 0; step < STEPS; step++) {
        long targets = (long) MICRO_BATCHES * BATCH * SEQUENCE;
        backend.stepControl().begin(new StepInputs(11, step, 0.01f, 1, 1, targets));
        for (int micro = 0; micro < MICRO_BATCHES; micro++) {
          for (int i = 0; i < BATCH * SEQUENCE; i++) {
            batch.tokens()[i] = random.nextInt(config.vocabularySize());
            batch.targets()[i] = random.nextInt(config.vocabularySize());
          }
          backend.stepControl().microBatch(micro * BATCH);
          model.load(batch);
          model.forwardBackward(micro > 0);
        }
        model.clip(state);
        model.update(state, new AdamWSettings(0.9f, 0.95f, 1e-8f, 0.1f));
        losses.add(backend.stepControl().read().loss());
        backend.stepControl().begin(new StepInputs(11, step, 0, 0, 1, targets));
        model.evaluate();
        losses.add(backend.stepControl().read().loss());
      }
      return new Trace(
          losses,
          model.masters().segment().toArray(ValueLayout.JAVA_FLOAT),
          model.gradients().flat().segment().toArray(ValueLayout.JAVA_FLOAT));
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void lossesAndGradientsAreTheSameBits(String backend, GptConfig config, Precision precision) {
    Trace none = train(backend, config, precision, Recompute.NONE);
    assertTrue(none.losses.getFirst() > 3, "a loss to speak of");
    for (Recompute recompute : List.of(Recompute.GELU, Recompute.BLOCK)) {
      Trace other = train(backend, config, precision, recompute);
      assertEquals(none.losses, other.losses, recompute.toString());
      assertArrayEquals(none.gradients, other.gradients, recompute + ": gradients");
      assertArrayEquals(none.weights, other.weights, recompute + ": weights");
    }
  }

  /** Blocks keep 16, 12 or 1 activations of (N, C) beside small statistics. */
  @Test
  void eachModeKeepsWhatItSays() {
    GptConfig config = new GptConfig(31, 64, 256, 12, 4, 0, true, true);
    long[] bytes = new long[Recompute.values().length];
    try (Backend backend = Backends.open("reference", BackendOptions.DEFAULT)) {
      for (Recompute mode : Recompute.values()) {
        ModelSize size = new ModelSize(config, Precision.FP32, mode, 4, 64, true);
        bytes[mode.ordinal()] = GptModel.plan(backend.ops(), size).bytes(Role.ACTIVATIONS);
      }
    }
    double unit = 4 * 64 * 256 * 4.0;
    // Six beside the blocks, and the wide gradient, which is the shared GELU output in the others.
    assertEquals(12 * 16 + 6 + 4, bytes[0] / unit, 0.02 * bytes[0] / unit);
    assertEquals(12 * 12 + 6 + 4, bytes[1] / unit, 0.02 * bytes[1] / unit);
    assertEquals(12 + 15 + 6, bytes[2] / unit, 0.02 * bytes[2] / unit);
  }
}
