package io.gptjava.train;

import io.gptjava.core.Backend;
import io.gptjava.core.DeviceReadings;
import io.gptjava.core.StepOutputs;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.model.GptModel;
import java.util.Optional;

/** Tells how a run begins, goes and ends, with the figures that belong there. */
final class TrainingReporter {
  /** Steps from one reading of the device to the next. */
  private static final int READINGS_EVERY = 10;

  /** Training time from which on a tenth of a second is cheap. */
  private static final double PROBE_SECONDS = 10;

  private final Backend backend;
  private final GptModel model;
  private final TrainConfig config;
  private final BatchSource training;
  private final long validationBatches;
  private final RunLength length;
  private final TrainingListener listener;
  private final Throughput throughput = new Throughput();
  private final double flopsPerToken;
  private final double datasheetFlops;
  private long began;
  private long lastDone;
  private double lastLoss = Double.NaN;

  TrainingReporter(Trainer.Setup setup, RunLength length, TrainingListener listener) {
    backend = setup.backend();
    model = setup.model();
    config = setup.config();
    training = setup.training();
    validationBatches = setup.validation().map(BatchSource::batches).orElse(0);
    this.length = length;
    this.listener = listener;
    flopsPerToken = ModelFlops.perToken(config.model(), training.sequence());
    datasheetFlops = backend.datasheetFlops(config.precision()).orElse(Double.NaN);
  }

  /** Training begins in a state. */
  void started(TrainerState state) {
    began = System.nanoTime();
    listener.on(
        new TrainingEvent.Started(
            state.step() == 0 ? -1 : state.step(),
            length.totalSteps(),
            length.stepsPerEpoch(),
            training.batches(),
            validationBatches,
            config.model().parameterCount(),
            backend.description(),
            flopsPerToken,
            datasheetFlops));
  }

  /** A step is done. Its time is from when it began, or the one before was done, until then. */
  void step(IssuedStep step, StepOutputs outputs) {
    long done = System.nanoTime();
    long nanos = done - Math.max(step.begin(), lastDone);
    lastDone = done;
    lastLoss = outputs.loss();
    throughput.add(step.tokens(), nanos);
    boolean read = step.number() % READINGS_EVERY == 0;
    Optional<DeviceReadings> readings = read ? backend.readings() : Optional.empty();
    listener.on(
        new TrainingEvent.Step(
            step.number(),
            step.after().lastEpoch(),
            step.before().batch() / config.batch().accumulate(),
            outputs.loss(),
            step.learningRate(),
            outputs.gradientNorm(),
            outputs.skipped() || step.dropped().isPresent(),
            step.after().tokens(),
            nanos * 1e-6,
            throughput.recent(),
            readings));
  }

  /** Training is over. */
  void ended(TrainerState state, String reason, double validationLoss) {
    double seconds = (System.nanoTime() - began) * 1e-9;
    double flops = throughput.overall() * flopsPerToken;
    boolean probe = throughput.seconds() >= PROBE_SECONDS;
    double ceiling = probe ? MatmulCeiling.measure(backend, model) : Double.NaN;
    RunSummary summary =
        new RunSummary(
            throughput.seconds(),
            throughput.overall(),
            flops / datasheetFlops,
            flops / ceiling,
            lastLoss,
            validationLoss,
            state.bestLoss(),
            state.bestStep(),
            ResidentMemory.peakBytes().orElse(-1));
    listener.on(
        new TrainingEvent.Ended(state.step() - 1, reason, state.tokens(), seconds, summary));
  }
}
