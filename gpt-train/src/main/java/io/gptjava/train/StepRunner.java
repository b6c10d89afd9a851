package io.gptjava.train;

import io.gptjava.core.Backend;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.StepControl;
import io.gptjava.core.StepInputs;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.data.Batch;
import io.gptjava.train.data.BatchName;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.data.DataSpan;
import io.gptjava.train.data.PrefetchingLoader;
import io.gptjava.train.model.GptModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/** Reads the data of an optimizer step and issues its ops. */
final class StepRunner implements AutoCloseable {
  private final StepControl control;
  private final TrainConfig config;
  private final GptModel model;
  private final BatchSource training;
  private final PrefetchingLoader loader;
  private final List<Batch> microBatches = new ArrayList<>();
  private final LearningRateSchedule schedule;
  private final OptimizerState optimizerState;
  private final SpikeGuard guard;
  private final Runnable clip;
  private final Runnable update;
  private final Runnable clipAndUpdate;

  StepRunner(
      Backend backend,
      TrainConfig config,
      GptModel model,
      BatchSource training,
      long totalSteps,
      SpikeGuard guard) {
    control = backend.stepControl();
    this.config = config;
    this.model = model;
    this.training = training;
    loader = new PrefetchingLoader(training);
    schedule = new LearningRateSchedule(config.optimizer(), totalSteps);
    optimizerState = model.optimizerState(config.optimizer().decayAll());
    this.guard = guard;
    clip = backend.recording(this::clip);
    update = backend.recording(this::update);
    clipAndUpdate =
        backend.recording(
            () -> {
              clip();
              update();
            });
  }

  private void clip() {
    model.clip(optimizerState);
  }

  private void update() {
    model.update(optimizerState, config.optimizer().adamW());
  }

  /** Issues the step that begins in a state. */
  IssuedStep issue(TrainerState before) {
    long begin = System.nanoTime();
    double learningRate = schedule.learningRate(before.step());
    List<Batch> batches = begin(before, learningRate);
    for (int i = 0; i < batches.size(); i++) {
      forwardBackward(i, batches.get(i));
    }
    Optional<Spike> dropped = clipAndUpdate();
    return new IssuedStep(
        before,
        before.advance(batches.size(), training.batches(), tokens(batches)),
        before.span(batches.size()),
        learningRate,
        begin,
        dropped,
        control.readLater());
  }

  /** Clips and updates, unless the guard wants to look in between and finds a spike. */
  private Optional<Spike> clipAndUpdate() {
    if (!guard.beforeUpdate()) {
      clipAndUpdate.run();
      return Optional.empty();
    }
    clip.run();
    Optional<Spike> spike = guard.judge(control.read());
    if (spike.isEmpty()) {
      update.run();
    }
    return spike;
  }

  /**
   * Computes a step again, without its update, until something is found.
   *
   * @param search called after each micro-batch
   */
  Optional<String> repeat(IssuedStep step, Supplier<Optional<String>> search) {
    List<Batch> batches = begin(step.before(), step.learningRate());
    for (int i = 0; i < batches.size(); i++) {
      forwardBackward(i, batches.get(i));
      Optional<String> found = search.get();
      if (found.isPresent()) {
        return found;
      }
    }
    return Optional.empty();
  }

  /** Publishes the scalars of a step and returns its micro-batches. */
  private List<Batch> begin(TrainerState state, double learningRate) {
    List<Batch> batches = read(state);
    long targets = 0;
    for (Batch batch : batches) {
      targets += batch.targetCount();
    }
    float clipNorm = (float) schedule.clipNorm(state.step());
    int step = (int) state.step();
    control.begin(new StepInputs(config.seed(), step, (float) learningRate, clipNorm, 1, targets));
    return batches;
  }

  private List<Batch> read(TrainerState state) {
    int count = span(state).batches();
    while (microBatches.size() < count) {
      microBatches.add(new Batch(training.batchSize(), training.sequence()));
    }
    for (int i = 0; i < count; i++) {
      loader.read(state.epoch(), state.batch() + i, microBatches.get(i));
    }
    return microBatches.subList(0, count);
  }

  private void forwardBackward(int index, Batch microBatch) {
    control.microBatch(index * training.batchSize());
    model.load(microBatch);
    model.forwardBackward(index > 0);
  }

  private static long tokens(List<Batch> microBatches) {
    long tokens = 0;
    for (Batch batch : microBatches) {
      tokens += (long) batch.samples() * batch.sequence();
    }
    return tokens;
  }

  /** Data of a step that begins in a state: the last of an epoch takes the batches left. */
  DataSpan span(TrainerState state) {
    return state.span(Math.min(config.batch().accumulate(), training.batches() - state.batch()));
  }

  /** The data of a step, for people. */
  BatchName name(DataSpan data) {
    return BatchName.of(training, data.epoch(), data.firstBatch(), data.batches());
  }

  /** Ends the reader. */
  @Override
  public void close() {
    loader.close();
  }
}
