package io.gptjava.benchmarks;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.LossScale;
import io.gptjava.core.LossScaling;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.StepControl;
import io.gptjava.core.StepInputs;
import io.gptjava.core.StepOutputs;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.data.Batch;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.WeightInitializer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Supplier;

/** Training steps on random tokens, each as {@link io.gptjava.train.Trainer} makes it. */
final class BenchmarkSteps {
  private static final AdamWSettings ADAM_W = new AdamWSettings(0.9f, 0.999f, 1e-8f, 0.1f);
  private static final float LEARNING_RATE = 4e-4f;

  private final TrainBenchmark.Settings settings;
  private final StepControl control;
  private final GptModel model;
  private final OptimizerState state;
  private final Runnable update;
  private final SplittableRandom random;
  private final Batch batch;
  private int step;
  private double loss;

  /** Allocates and initialises the model; its memory belongs to the backend. */
  BenchmarkSteps(Backend backend, TrainBenchmark.Settings settings) {
    this.settings = settings;
    control = backend.stepControl();
    LossScaling scaling = settings.precision().lossScaling();
    control.scaleLoss(scaling, scaling.dynamic() ? LossScale.INITIAL : LossScale.NONE);
    GptConfig config = settings.model();
    model =
        new GptModel(
            backend, config, settings.precision(), settings.batch(), settings.sequence(), true);
    new WeightInitializer(Initialization.GPT2, settings.seed(), config.layers())
        .initialize(backend, model.layout(), model.masters());
    model.mastersChanged();
    state = model.optimizerState(true);
    update = backend.recording(this::clipAndUpdate);
    random = new SplittableRandom(settings.seed());
    batch = new Batch(settings.batch(), settings.sequence());
    batch.samples(settings.batch());
  }

  private void clipAndUpdate() {
    model.clip(state);
    model.update(state, ADAM_W);
  }

  GptModel model() {
    return model;
  }

  OptimizerState optimizerState() {
    return state;
  }

  /** Loss of the last step whose results were read, in nats. */
  double loss() {
    return loss;
  }

  /** Milliseconds of one step on fresh tokens, until its results are on the host. */
  double timed() {
    drawTokens();
    return Timing.time(this::step);
  }

  /** Draws the tokens of the next step. */
  void drawTokens() {
    int vocabulary = settings.model().vocabularySize();
    for (int i = 0; i < batch.tokens().length; i++) {
      batch.tokens()[i] = random.nextInt(vocabulary);
      batch.targets()[i] = random.nextInt(vocabulary);
    }
  }

  /**
   * Milliseconds of steps issued one ahead of the results that are read, as the trainer does where
   * the backend works beside the host: each from one step's results to the next one's.
   */
  List<Double> pipelined(int count) {
    List<Double> times = new ArrayList<>();
    Supplier<StepOutputs> before = issue();
    long last = 0;
    for (int i = 0; i <= count; i++) {
      drawTokens();
      Supplier<StepOutputs> next = issue();
      check(before.get());
      long now = System.nanoTime();
      if (i > 0) {
        times.add((now - last) * 1e-6);
      }
      last = now;
      before = next;
    }
    check(before.get());
    return times;
  }

  /** One micro-batch and its update, waited for. */
  void step() {
    check(issue().get());
  }

  private Supplier<StepOutputs> issue() {
    control.begin(
        new StepInputs(settings.seed(), step++, LEARNING_RATE, 1, 1, batch.targetCount()));
    control.microBatch(0);
    model.load(batch);
    model.forwardBackward(false);
    update.run();
    return control.readLater();
  }

  private void check(StepOutputs outputs) {
    boolean excused = settings.precision().lossScaling().dynamic();
    if (outputs.skipped() && !excused) {
      throw new GptException(
          Failure.DIVERGED,
          "step %d of the benchmark has a gradient norm of %s; the backend's ops are wrong"
              .formatted(step - 1, outputs.gradientNorm()));
    }
    loss = outputs.loss();
  }
}
