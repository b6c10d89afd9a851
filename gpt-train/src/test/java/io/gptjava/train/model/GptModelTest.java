package io.gptjava.train.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.GptConfig;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.OptimizerState.ParameterRange;
import io.gptjava.core.StepInputs;
import io.gptjava.core.Tensor;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.data.Batch;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The whole model against {@link Float64Gpt}: loss, gradients, and ten optimizer steps. */
class GptModelTest {
  private static final long SEED = 42;
  private static final int BATCH = 2;
  private static final int SEQUENCE = 5;
  private static final double DIFFERENCE = 1e-5;

  static Stream<Arguments> models() {
    GptConfig textbook = new GptConfig(13, 7, 12, 2, 3, 0.25f, false, false);
    GptConfig gpt2 = new GptConfig(19, 5, 8, 2, 2, 0, true, true);
    GptConfig oneHead = new GptConfig(5, 6, 5, 1, 1, 0.1f, true, true);
    return onBothBackends(textbook, gpt2, oneHead);
  }

  static Stream<Arguments> smallerModels() {
    GptConfig textbook = new GptConfig(7, 5, 6, 1, 2, 0.25f, false, false);
    GptConfig gpt2 = new GptConfig(6, 5, 4, 2, 1, 0, true, true);
    return onBothBackends(textbook, gpt2);
  }

  private static Stream<Arguments> onBothBackends(GptConfig... configs) {
    return Stream.of("reference", "cpu")
        .flatMap(backend -> Stream.of(configs).map(config -> Arguments.of(backend, config)));
  }

  @ParameterizedTest
  @MethodSource("models")
  void lossAndGradientsEqualFloat64(String name, GptConfig config) {
    try (Backend backend = Backends.open(name, BackendOptions.DEFAULT.withThreads(2))) {
      GptModel model = model(backend, config);
      Batch batch = batch(config, 1);
      double[] w = doubles(model.masters());
      Float64Gpt truth = new Float64Gpt(config, SEED);

      double loss = forwardBackward(backend, model, batch, 3);

      int[] x = batch.tokens();
      int[] y = batch.targets();
      double expected = truth.loss(w, x, y, SEQUENCE, 3, true);
      assertEquals(expected, loss, 2e-6 * expected);
      double[] gradient = gradient(truth, model.layout(), w, batch, 3);
      double[] actual = doubles(model.gradients().flat());
      double norm = norm(gradient);
      for (Parameter p : model.layout().parameters()) {
        for (int i = (int) p.offset(); i < p.offset() + p.count(); i++) {
          // fp32 passes through some dozen roundings; central differences err by about 1e-9.
          double bound = 3e-6 * norm + 2e-5 * Math.abs(gradient[i]);
          assertEquals(gradient[i], actual[i], bound, p.name() + "[" + (i - p.offset()) + "]");
        }
      }
      assertTrue(norm > 0.01, "a gradient to speak of");
    }
  }

  @ParameterizedTest
  @MethodSource("smallerModels")
  void tenStepsOfAdamWEqualFloat64(String name, GptConfig config) {
    AdamWSettings settings = new AdamWSettings(0.9f, 0.95f, 1e-3f, 0.1f);
    double learningRate = 0.01f;
    float clip = 0.5f;
    try (Backend backend = Backends.open(name, BackendOptions.DEFAULT.withThreads(2))) {
      GptModel model = model(backend, config);
      OptimizerState state = model.optimizerState(false);
      double[] w = doubles(model.masters());
      double[] m = new double[w.length];
      double[] v = new double[w.length];
      Float64Gpt truth = new Float64Gpt(config, SEED);
      for (int step = 0; step < 10; step++) {
        Batch batch = batch(config, step);
        double expected = truth.loss(w, batch.tokens(), batch.targets(), SEQUENCE, step, true);
        double[] g = gradient(truth, model.layout(), w, batch, step);
        adamW(state, settings, w, g, m, v, step + 1, learningRate, clip);

        backend
            .stepControl()
            .begin(new StepInputs(SEED, step, (float) learningRate, clip, 1, batch.targetCount()));
        model.load(batch);
        model.forwardBackward(false);
        model.clip(state);
        model.update(state, settings);

        assertEquals(
            expected, backend.stepControl().read().loss(), 1e-5 * expected, "step " + step);
        assertEquals(norm(g), backend.stepControl().read().gradientNorm(), 1e-4 * norm(g));
      }
      double[] actual = doubles(model.masters());
      for (int i = 0; i < w.length; i++) {
        assertEquals(w[i], actual[i], 2e-4 * learningRate * 10 + 1e-6, "weight " + i);
      }
    }
  }

  private static void adamW(
      OptimizerState state,
      AdamWSettings s,
      double[] w,
      double[] g,
      double[] m,
      double[] v,
      int t,
      double learningRate,
      double clip) {
    double factor = Math.min(1, clip / (norm(g) + 1e-6));
    for (ParameterRange range : state.ranges()) {
      for (int i = (int) range.offset(); i < range.offset() + range.count(); i++) {
        double gi = g[i] * factor;
        if (range.decay()) {
          w[i] -= learningRate * s.weightDecay() * w[i];
        }
        m[i] = s.beta1() * m[i] + (1 - s.beta1()) * gi;
        v[i] = s.beta2() * v[i] + (1 - s.beta2()) * gi * gi;
        double mHat = m[i] / (1 - Math.pow(s.beta1(), t));
        double vHat = v[i] / (1 - Math.pow(s.beta2(), t));
        w[i] -= learningRate * mHat / (Math.sqrt(vHat) + s.epsilon());
      }
    }
  }

  private static GptModel model(Backend backend, GptConfig config) {
    GptModel model = new GptModel(backend, config, BATCH, SEQUENCE, true);
    new WeightInitializer(Initialization.PYTORCH, SEED, config.layers())
        .initialize(backend, model.layout(), model.masters());
    return model;
  }

  private static double forwardBackward(Backend backend, GptModel model, Batch batch, int step) {
    backend.stepControl().begin(new StepInputs(SEED, step, 0, 0, 1, batch.targetCount()));
    model.load(batch);
    model.forwardBackward(false);
    return backend.stepControl().read().loss();
  }

  private static Batch batch(GptConfig config, long seed) {
    Random random = new Random(seed);
    Batch batch = new Batch(BATCH, SEQUENCE);
    batch.samples(BATCH);
    for (int i = 0; i < BATCH * SEQUENCE; i++) {
      batch.tokens()[i] = random.nextInt(config.vocabularySize());
      batch.targets()[i] = i == 3 ? -100 : random.nextInt(config.vocabularySize());
    }
    return batch;
  }

  private static double[] gradient(
      Float64Gpt truth, ParameterLayout layout, double[] w, Batch batch, int step) {
    double[] gradient = new double[w.length];
    int[] x = batch.tokens();
    int[] y = batch.targets();
    layout.parameters().parallelStream()
        .forEach(
            p -> {
              double[] moved = w.clone();
              for (int i = (int) p.offset(); i < p.offset() + p.logicalCount(); i++) {
                moved[i] = w[i] + DIFFERENCE;
                double up = truth.loss(moved, x, y, SEQUENCE, step, true);
                moved[i] = w[i] - DIFFERENCE;
                double down = truth.loss(moved, x, y, SEQUENCE, step, true);
                moved[i] = w[i];
                gradient[i] = (up - down) / (2 * DIFFERENCE);
              }
            });
    return gradient;
  }

  private static double norm(double[] x) {
    double sum = 0;
    for (double v : x) {
      sum += v * v;
    }
    return Math.sqrt(sum);
  }

  private static double[] doubles(Tensor tensor) {
    MemorySegment segment = tensor.segment();
    double[] out = new double[(int) tensor.count()];
    for (int i = 0; i < out.length; i++) {
      out[i] = segment.getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }
    return out;
  }
}
