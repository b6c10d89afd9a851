package io.gptjava.train;

import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.StepControl;
import io.gptjava.core.StepOutputs;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.model.GptModel;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * The training loop. Everything around it (logs, plots, progress) listens; it knows no file and no
 * concrete backend.
 */
public final class Trainer implements AutoCloseable {
  private final TrainConfig config;
  private final StepControl control;
  private final BatchSource training;
  private final RunLength length;
  private final List<TrainingListener> listeners;
  private final SpikeGuard guard;
  private final LossScaler lossScaler;
  private final StepRunner steps;
  private final Watcher watcher;
  private final Safety safety;
  private final TrainingReporter report;
  private final int stepsAhead;
  private final Deque<IssuedStep> issued = new ArrayDeque<>();
  private TrainerState state;
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
    Backend backend = setup.backend;
    config = setup.config;
    control = backend.stepControl();
    training = setup.training;
    listeners = List.copyOf(setup.listeners);
    state = setup.state;
    length = RunLength.of(config.batch(), training);
    guard = new SpikeGuard(config.keep().spikes(), state.guard());
    lossScaler = new LossScaler(config.precision(), control, state.lossScale());
    steps = new StepRunner(backend, config, setup.model, training, length.totalSteps(), guard);
    watcher = new Watcher(setup, this::emit);
    NonFiniteFinder nonFinite = new NonFiniteFinder(backend, setup.model);
    safety =
        new Safety(config.keep().onNan(), guard, lossScaler, nonFinite, steps, watcher, this::emit);
    report = new TrainingReporter(setup, length, this::emit);
    stepsAhead = backend.asynchronous() && !guard.beforeUpdate() ? 1 : 0;
    control.restoreUpdates(state.updates());
    control.haltAfterSkip(true);
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
   * @throws GptException with {@link Failure#DIVERGED} if a number is no longer finite, or loss or
   *     gradient norm jump, and nothing helps; the last good weights have been saved
   */
  public Outcome run() {
    report.started(state);
    Outcome outcome;
    try {
      do {
        outcome = trainOn();
      } while (!finishSteps(0));
    } catch (GptException e) {
      if (e.failure() == Failure.DIVERGED) {
        report.ended(state, "diverged", watcher.validationLoss());
      }
      throw e;
    }
    watcher.save(state);
    report.ended(state, outcome.reason(), watcher.validationLoss());
    return outcome;
  }

  private Outcome trainOn() {
    Outcome outcome;
    while ((outcome = outcomeSoFar()) == null) {
      passOver();
      if (trainStep()) {
        watch(true);
      }
    }
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

  /** Moves behind data that went wrong before. */
  private void passOver() {
    while (state.guard().passedOver().contains(steps.span(state))) {
      state = state.past(steps.span(state).batches(), training.batches());
      if (state.atEpochEnd()) {
        watch(false);
      }
    }
  }

  /** Issues a step; false if one before it sent the run back. */
  private boolean trainStep() {
    IssuedStep step = steps.issue(state);
    state = step.after();
    issued.add(step);
    return finishSteps(stepsAhead);
  }

  /**
   * Waits for the oldest steps under way until so many are left, and reports them.
   *
   * @return false if one sent the run back: those behind it are forgotten
   */
  private boolean finishSteps(int left) {
    while (issued.size() > left) {
      IssuedStep step = issued.remove();
      StepOutputs outputs = step.outputs().get();
      lossScaler.follow(step.number(), outputs).ifPresent(this::emit);
      Optional<Safety.Resolution> trouble = safety.examine(step, outputs);
      if (trouble.isPresent()) {
        goBack(trouble.get());
        return false;
      }
      if (issued.isEmpty()) {
        state = state.withResults(outputs.updates(), lossScaler.scale(), guard.state());
      }
      report.step(step, outputs);
    }
    return true;
  }

  private void goBack(Safety.Resolution to) {
    issued.clear();
    state = to.state();
    control.restoreUpdates(state.updates());
    lossScaler.goOnWith(state.lossScale());
    guard.goOnWith(state.guard());
    if (to.end().isPresent()) {
      throw to.end().get();
    }
  }

  /**
   * Evaluates, samples and saves what is due.
   *
   * @param stepDone after a step; otherwise after data that was passed over
   */
  private void watch(boolean stepDone) {
    Watcher.Due due = watcher.due(state, stepDone);
    boolean any = due.evaluate() || due.sample() || due.save() || state.atEpochEnd();
    if (any && finishSteps(0)) {
      state = watcher.watch(state, due);
    }
  }

  private void emit(TrainingEvent event) {
    for (TrainingListener listener : listeners) {
      listener.on(event);
    }
  }

  /** Ends the reader and frees what sampling used; model and backend belong to the caller. */
  @Override
  public void close() {
    steps.close();
    watcher.close();
  }
}
