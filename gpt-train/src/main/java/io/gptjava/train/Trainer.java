package io.gptjava.train;

import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.StepControl;
import io.gptjava.core.StepInputs;
import io.gptjava.core.StepOutputs;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.config.Cadence;
import io.gptjava.train.config.KeepConfig.OnNan;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.config.WatchConfig;
import io.gptjava.train.data.Batch;
import io.gptjava.train.data.BatchName;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.data.PrefetchingLoader;
import io.gptjava.train.generate.Generator;
import io.gptjava.train.generate.Sampling;
import io.gptjava.train.model.Decoder;
import io.gptjava.train.model.GptModel;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * The training loop. Everything around it (logs, plots, progress) listens; it knows no file and no
 * concrete backend.
 */
public final class Trainer implements AutoCloseable {
  /** Dropped updates in a row after which a run has diverged all the same. */
  private static final int MOST_DROPPED = 8;

  private final StepControl control;
  private final TrainConfig config;
  private final GptModel model;
  private final BatchSource training;
  private final PrefetchingLoader loader;
  private final List<Batch> microBatches = new ArrayList<>();
  private final Optional<BatchSource> validation;
  private final TextEncoder encoder;
  private final Optional<Checkpointer> checkpointer;
  private final List<TrainingListener> listeners;
  private final RunLength length;
  private final LearningRateSchedule schedule;
  private final OptimizerState optimizerState;
  private final Runnable optimizerStep;
  private final Evaluator evaluator;
  private final NonFiniteFinder nonFinite;
  private final LossScaler lossScaler;
  private final Decoder decoder;
  private final String device;
  private final int stepsAhead;
  private final Deque<IssuedStep> issued = new ArrayDeque<>();
  private long lastDone;
  private TrainerState state;
  private long savedStep;
  private double validationLoss;
  private long validatedStep = -1;
  private int droppedInARow;
  private volatile boolean stopRequested;

  /** How a run ended, if not with an exception. */
  public enum Outcome {
    /** All steps are done. */
    FINISHED("finished"),
    /** {@link Trainer#requestStop} was called. */
    STOPPED("stopped"),
    /** The validation loss stopped falling. */
    NO_IMPROVEMENT("no improvement");

    private final String reason;

    Outcome(String reason) {
      this.reason = reason;
    }

    /** As written to the log. */
    public String reason() {
      return reason;
    }
  }

  /**
   * What a trainer works with.
   *
   * @param backend that the model lives on
   * @param config of the run
   * @param model made for training, its weights initialised or loaded
   * @param training batches to train on
   * @param validation batches to evaluate on, if any
   * @param encoder for samples
   * @param checkpointer if the run is kept
   * @param listeners hear everything, in this order
   * @param state where to begin: {@link TrainerState#START} for a new run
   * @param validationLoss measured last before that; NaN if never
   */
  public record Setup(
      Backend backend,
      TrainConfig config,
      GptModel model,
      BatchSource training,
      Optional<BatchSource> validation,
      TextEncoder encoder,
      Optional<Checkpointer> checkpointer,
      List<TrainingListener> listeners,
      TrainerState state,
      double validationLoss) {}

  /**
   * A trainer, ready to {@link #run}.
   *
   * @throws GptException with {@link Failure#DATA} if there is no training batch
   */
  public Trainer(Setup setup) {
    control = setup.backend.stepControl();
    config = setup.config;
    model = setup.model;
    training = setup.training;
    loader = new PrefetchingLoader(training);
    validation = setup.validation;
    encoder = setup.encoder;
    checkpointer = setup.checkpointer;
    listeners = List.copyOf(setup.listeners);
    length = RunLength.of(config.batch(), training);
    schedule = new LearningRateSchedule(config.optimizer(), length.totalSteps());
    optimizerState = model.optimizerState(config.optimizer().decayAll());
    optimizerStep = setup.backend.recording(this::clipAndUpdate);
    evaluator = new Evaluator(model, control);
    nonFinite = new NonFiniteFinder(setup.backend, model);
    decoder = new Decoder(setup.backend, config.model(), model.weights());
    device = setup.backend.description();
    stepsAhead = setup.backend.asynchronous() ? 1 : 0;
    state = setup.state;
    validationLoss = setup.validationLoss;
    savedStep = state.step();
    control.restoreUpdates(state.updates());
    lossScaler = new LossScaler(config.precision(), control, state.lossScale());
    control.haltAfterSkip(config.keep().onNan() == OnNan.STOP);
  }

  /** Where the run stands. */
  public TrainerState state() {
    return state;
  }

  /** Asks the loop to stop after the current step and to save; callable from any thread. */
  public void requestStop() {
    stopRequested = true;
  }

  /**
   * Trains until the run's steps are done or something ends it; saves at the end.
   *
   * @throws GptException with {@link Failure#DIVERGED} if a number is no longer finite; the weights
   *     before the offending step have been saved
   */
  public Outcome run() {
    long started = System.nanoTime();
    emitStarted();
    Outcome outcome;
    try {
      while ((outcome = outcomeSoFar()) == null) {
        trainStep();
        watch();
      }
      finishSteps(0);
    } catch (GptException e) {
      if (e.failure() == Failure.DIVERGED) {
        emitEnded("diverged", started);
      }
      throw e;
    }
    save();
    emitEnded(outcome.reason(), started);
    return outcome;
  }

  private Outcome outcomeSoFar() {
    int patience = config.keep().stopAfterNoImprovement();
    if (state.step() >= length.totalSteps()) {
      return Outcome.FINISHED;
    } else if (stopRequested) {
      return Outcome.STOPPED;
    } else if (patience > 0 && state.evaluationsWithoutImprovement() >= patience) {
      return Outcome.NO_IMPROVEMENT;
    }
    return null;
  }

  private void trainStep() {
    long begin = System.nanoTime();
    double learningRate = schedule.learningRate(state.step());
    List<Batch> microBatches = readMicroBatches(state);
    beginStep(state, learningRate, microBatches);
    for (int i = 0; i < microBatches.size(); i++) {
      forwardBackward(i, microBatches.get(i));
    }
    optimizerStep.run();
    TrainerState before = state;
    state = before.advance(microBatches.size(), training.batches(), tokens(microBatches));
    issued.add(new IssuedStep(before, state, learningRate, begin, control.readLater()));
    finishSteps(stepsAhead);
  }

  private void forwardBackward(int index, Batch microBatch) {
    control.microBatch(index * training.batchSize());
    model.load(microBatch);
    model.forwardBackward(index > 0);
  }

  /** Waits for the oldest steps under way until so many are left, and reports them. */
  private void finishSteps(int left) {
    while (issued.size() > left) {
      IssuedStep step = issued.remove();
      StepOutputs outputs = step.outputs().get();
      lossScaler.follow(step.number(), outputs).ifPresent(this::emit);
      checkFinite(step, outputs);
      if (issued.isEmpty()) {
        state = state.withUpdates(outputs.updates(), lossScaler.scale());
      }
      report(step, outputs);
    }
  }

  private void clipAndUpdate() {
    model.clip(optimizerState);
    model.update(optimizerState, config.optimizer().adamW());
  }

  /** Micro-batches of the step that begins in a state. */
  private List<Batch> readMicroBatches(TrainerState state) {
    int count = microBatches(state);
    while (microBatches.size() < count) {
      microBatches.add(new Batch(training.batchSize(), training.sequence()));
    }
    for (int i = 0; i < count; i++) {
      loader.read(state.epoch(), state.batch() + i, microBatches.get(i));
    }
    return microBatches.subList(0, count);
  }

  /** How many there are: the last step of an epoch takes those that are left. */
  private int microBatches(TrainerState state) {
    return Math.min(config.batch().accumulate(), training.batches() - state.batch());
  }

  private void beginStep(TrainerState state, double learningRate, List<Batch> microBatches) {
    long targets = 0;
    for (Batch batch : microBatches) {
      targets += batch.targetCount();
    }
    float clipNorm = (float) schedule.clipNorm(state.step());
    int step = (int) state.step();
    control.begin(new StepInputs(config.seed(), step, (float) learningRate, clipNorm, 1, targets));
  }

  private static long tokens(List<Batch> microBatches) {
    long tokens = 0;
    for (Batch batch : microBatches) {
      tokens += (long) batch.samples() * batch.sequence();
    }
    return tokens;
  }

  /** A step's time is from when it began, or the one before was done, until it was done. */
  private void report(IssuedStep step, StepOutputs outputs) {
    long done = System.nanoTime();
    long nanos = done - Math.max(step.begin(), lastDone);
    lastDone = done;
    emit(
        new TrainingEvent.Step(
            step.number(),
            step.after().lastEpoch(),
            step.before().batch() / config.batch().accumulate(),
            outputs.loss(),
            step.learningRate(),
            outputs.gradientNorm(),
            outputs.skipped(),
            step.after().tokens(),
            nanos * 1e-6,
            step.tokens() / (nanos * 1e-9)));
  }

  /**
   * A step whose norm is not finite has updated nothing, and when that ends the run neither have
   * those behind it: keep the weights of the last good step and stop, or drop the step and go on.
   * Where the loss is scaled, such steps are dropped until the scale is exhausted; that ends the
   * run.
   */
  private void checkFinite(IssuedStep step, StepOutputs outputs) {
    if (!outputs.skipped()) {
      droppedInARow = 0;
      return;
    }
    if (lossScaler.excuses(outputs)) {
      return;
    }
    boolean exhausted = lossScaler.exhausted(outputs);
    String message =
        "step %d: %s is not finite (loss %s, gradient norm %s; %s)"
            .formatted(
                step.number(),
                firstNonFinite(step).orElse("the gradient norm"),
                outputs.loss(),
                outputs.gradientNorm(),
                data(step.before()));
    boolean intact = nonFinite.weightsAreFinite();
    if (intact
        && !exhausted
        && config.keep().onNan() == OnNan.ROLLBACK
        && (++droppedInARow < MOST_DROPPED || goodStepBehind())) {
      emit(new TrainingEvent.Warning(step.number(), message + "; its update was dropped"));
      return;
    }
    emit(new TrainingEvent.Warning(step.number(), message));
    issued.clear();
    state = step.before().withUpdates(outputs.updates(), lossScaler.scale());
    if (intact) {
      save();
    }
    throw new GptException(
        Failure.DIVERGED,
        message
            + (intact
                ? "\nthe weights before it are finite"
                : "\nthe weights are no longer finite either: go back to an earlier checkpoint")
            + (exhausted
                ? "; the loss scale fell to %s without helping: lower --lr, set --clip-norm 1, or use --precision bf16"
                    .formatted(outputs.lossScale().value())
                : "; lower --lr, set --clip-norm 1, or use --on-nan rollback to drop such steps"));
  }

  /**
   * Where a skipped step's numbers stop being finite. By now the model may hold another
   * micro-batch, or a step begun since: so the step is computed again, without its update. What was
   * begun since has updated nothing if the run halts, and one good update at most if it does not.
   */
  private Optional<String> firstNonFinite(IssuedStep step) {
    Optional<String> weight = nonFinite.weight();
    if (weight.isPresent()) {
      return weight;
    }
    List<Batch> microBatches = readMicroBatches(step.before());
    beginStep(step.before(), step.learningRate(), microBatches);
    for (int i = 0; i < microBatches.size(); i++) {
      forwardBackward(i, microBatches.get(i));
      Optional<String> activation = nonFinite.activation();
      if (activation.isPresent()) {
        return activation;
      }
    }
    return nonFinite.gradient();
  }

  /** Whether a step begun since has updated the weights, so that the row of dropped ones ends. */
  private boolean goodStepBehind() {
    return issued.stream().anyMatch(step -> !step.outputs().get().skipped());
  }

  /** The data of the step that begins in a state. */
  private BatchName data(TrainerState before) {
    return BatchName.of(training, before.epoch(), before.batch(), microBatches(before));
  }

  /** Evaluates, samples and saves what is due after the step just done. */
  private void watch() {
    long step = state.step() - 1;
    boolean evaluate = due(config.watch().evaluate(), step);
    boolean sample = due(config.watch().sample(), step);
    boolean save = due(config.keep().save(), state.step());
    if (evaluate || sample || save || state.atEpochEnd()) {
      finishSteps(0);
    }
    if (evaluate) {
      evaluate(step);
    }
    if (sample) {
      sample(step);
    }
    if (save) {
      save();
    }
    if (state.atEpochEnd()) {
      emit(new TrainingEvent.EpochEnded(step, state.lastEpoch()));
    }
  }

  private boolean due(Cadence cadence, long step) {
    return cadence.dueAt(step) || cadence.epoch() && state.atEpochEnd();
  }

  private void evaluate(long step) {
    long begin = System.nanoTime();
    int most = config.watch().evaluationBatches();
    int epoch = state.lastEpoch();
    double trainLoss = evaluator.evaluate(training, epoch - 1, most).loss();
    if (validation.isPresent()) {
      validate(most);
      state = state.evaluated(validationLoss);
    }
    double milliseconds = (System.nanoTime() - begin) * 1e-6;
    emit(
        new TrainingEvent.Evaluated(
            step, epoch, trainLoss, validationLoss, state.tokens(), milliseconds));
  }

  private void validate(int mostBatches) {
    validationLoss = evaluator.evaluate(validation.orElseThrow(), 0, mostBatches).loss();
    validatedStep = state.step();
  }

  private void sample(long step) {
    WatchConfig watch = config.watch();
    int[] prompt = encoder.encode(watch.samplePrompt());
    int[] tokens =
        new Generator(decoder)
            .generate(
                prompt,
                watch.sampleTokens(),
                Sampling.GREEDY,
                token -> token != encoder.endOfText());
    emit(new TrainingEvent.Sampled(step, state.lastEpoch(), encoder.decode(tokens)));
  }

  private void save() {
    if (checkpointer.isEmpty() || savedStep == state.step()) {
      return;
    }
    long begin = System.nanoTime();
    boolean evaluates = !config.watch().evaluate().equals(Cadence.NEVER);
    if (evaluates && validation.isPresent() && validatedStep != state.step()) {
      validate(config.watch().evaluationBatches()); // so that a checkpoint has its own loss
    }
    Path folder = checkpointer.get().save(state, validationLoss);
    savedStep = state.step();
    double milliseconds = (System.nanoTime() - begin) * 1e-6;
    emit(new TrainingEvent.Saved(state.step(), state.lastEpoch(), folder, milliseconds));
  }

  private void emitStarted() {
    emit(
        new TrainingEvent.Started(
            state.step() == 0 ? -1 : state.step(),
            length.totalSteps(),
            length.stepsPerEpoch(),
            training.batches(),
            validation.map(BatchSource::batches).orElse(0),
            config.model().parameterCount(),
            device));
  }

  private void emitEnded(String reason, long started) {
    double seconds = (System.nanoTime() - started) * 1e-9;
    emit(new TrainingEvent.Ended(state.step() - 1, reason, state.tokens(), seconds));
  }

  private void emit(TrainingEvent event) {
    for (TrainingListener listener : listeners) {
      listener.on(event);
    }
  }

  /** Ends the reader and frees what sampling used; model and backend belong to the caller. */
  @Override
  public void close() {
    loader.close();
    decoder.close();
  }
}
