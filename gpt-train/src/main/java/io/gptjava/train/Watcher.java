package io.gptjava.train;

import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.config.Cadence;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.config.WatchConfig;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.generate.Generator;
import io.gptjava.train.generate.Sampling;
import io.gptjava.train.model.Decoder;
import java.nio.file.Path;
import java.util.Optional;

/** Evaluates, samples and saves between the steps. */
final class Watcher implements AutoCloseable {
  private final TrainConfig config;
  private final BatchSource training;
  private final Optional<BatchSource> validation;
  private final TextEncoder encoder;
  private final Optional<Checkpointer> checkpointer;
  private final Evaluator evaluator;
  private final Decoder decoder;
  private final TrainingListener listener;
  private final boolean keepsBest; // since a run that stops early is wanted for its best weights
  private double validationLoss;
  private long validatedStep = -1;
  private long savedStep;

  Watcher(Trainer.Setup setup, TrainingListener listener) {
    config = setup.config();
    training = setup.training();
    validation = setup.validation();
    encoder = setup.encoder();
    checkpointer = setup.checkpointer();
    evaluator = new Evaluator(setup.model(), setup.backend().stepControl());
    decoder = new Decoder(setup.backend(), config.model(), setup.model().weights());
    this.listener = listener;
    keepsBest = config.keep().stopAfterNoImprovement() > 0;
    validationLoss = setup.validationLoss();
    savedStep = setup.state().step();
  }

  /** Validation loss measured last; NaN if never. */
  double validationLoss() {
    return validationLoss;
  }

  /**
   * What is due in a state.
   *
   * @param evaluate after the last step
   * @param sample after the last step
   * @param save the state
   */
  record Due(boolean evaluate, boolean sample, boolean save) {}

  /**
   * What is due in a state.
   *
   * @param stepDone whether a step led there; otherwise data passed over, up to the epoch's end
   */
  Due due(TrainerState state, boolean stepDone) {
    long step = state.step() - 1;
    return new Due(
        due(config.watch().evaluate(), state, step, stepDone),
        due(config.watch().sample(), state, step, stepDone),
        due(config.keep().due(), state, state.step(), stepDone));
  }

  private static boolean due(Cadence cadence, TrainerState state, long number, boolean stepDone) {
    return stepDone && cadence.dueAt(number) || cadence.epoch() && state.atEpochEnd();
  }

  /** Does what is due, once all steps are done, and returns the state after. */
  TrainerState watch(TrainerState state, Due due) {
    TrainerState watched = due.evaluate ? evaluate(state) : state;
    if (due.sample) {
      sample(watched);
    }
    if (due.save || keepsBest && watched.bestStep() == watched.step()) {
      save(watched);
    }
    if (watched.atEpochEnd()) {
      listener.on(new TrainingEvent.EpochEnded(watched.step() - 1, watched.lastEpoch()));
    }
    return watched;
  }

  private TrainerState evaluate(TrainerState state) {
    long begin = System.nanoTime();
    int most = config.watch().evaluationBatches();
    int epoch = state.lastEpoch();
    double trainLoss = evaluator.evaluate(training, epoch - 1, most).loss();
    TrainerState evaluated = state;
    if (validation.isPresent()) {
      validate(state, most);
      evaluated = state.evaluated(validationLoss);
    }
    double milliseconds = (System.nanoTime() - begin) * 1e-6;
    listener.on(
        new TrainingEvent.Evaluated(
            state.step() - 1, epoch, trainLoss, validationLoss, state.tokens(), milliseconds));
    return evaluated;
  }

  private void validate(TrainerState state, int mostBatches) {
    validationLoss = evaluator.evaluate(validation.orElseThrow(), 0, mostBatches).loss();
    validatedStep = state.step();
  }

  private void sample(TrainerState state) {
    WatchConfig watch = config.watch();
    int[] prompt = encoder.encode(watch.samplePrompt());
    int[] tokens =
        new Generator(decoder)
            .generate(
                prompt,
                watch.sampleTokens(),
                Sampling.GREEDY,
                token -> token != encoder.endOfText());
    listener.on(
        new TrainingEvent.Sampled(state.step() - 1, state.lastEpoch(), encoder.decode(tokens)));
  }

  /** Saves a state, if that has not been done. */
  void save(TrainerState state) {
    if (checkpointer.isEmpty() || savedStep == state.step()) {
      return;
    }
    long begin = System.nanoTime();
    boolean evaluates = !config.watch().evaluate().equals(Cadence.NEVER);
    if (evaluates && validation.isPresent() && validatedStep != state.step()) {
      validate(state, config.watch().evaluationBatches()); // so that it has its own loss
    }
    Path folder = checkpointer.get().save(state, validationLoss);
    savedStep = state.step();
    double milliseconds = (System.nanoTime() - begin) * 1e-6;
    listener.on(new TrainingEvent.Saved(state.step(), state.lastEpoch(), folder, milliseconds));
  }

  /**
   * Puts weights and moments back to the newest checkpoint, or to where the run began.
   *
   * @return the state there; empty if the run cannot go back
   */
  Optional<TrainerState> restore() {
    Optional<Checkpointer.Restored> restored = checkpointer.flatMap(Checkpointer::restore);
    restored.ifPresent(
        there -> {
          validationLoss = there.validationLoss();
          validatedStep = -1;
          savedStep = there.state().step();
        });
    return restored.map(Checkpointer.Restored::state);
  }

  /** Frees what sampling used. */
  @Override
  public void close() {
    decoder.close();
  }
}
