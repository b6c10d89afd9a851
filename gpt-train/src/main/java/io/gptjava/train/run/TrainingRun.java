package io.gptjava.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.Checkpointer;
import io.gptjava.train.LearningRateSchedule;
import io.gptjava.train.RunLength;
import io.gptjava.train.Trainer;
import io.gptjava.train.Trainer.Outcome;
import io.gptjava.train.TrainerState;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.data.Datasets;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.WeightInitializer;
import io.gptjava.train.plot.LossPlot;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A run as people know it: data, model and trainer on a backend, with a folder that keeps log, charts
 * and checkpoints. Begin one with {@link #create}, continue one with {@link #resume}, then {@link
 * #train()} and close it. The backend belongs to the caller.
 */
public final class TrainingRun implements AutoCloseable {
  private final TrainConfig config;
  private final RunFolder folder;
  private final Datasets data;
  private final RunLog log;
  private final Trainer trainer;
  private final long totalSteps;
  private final String fingerprint;

  /** Everything that is open while a run is prepared, so that a failure closes it. */
  private TrainingRun(
      Backend backend,
      TrainConfig config,
      RunFolder folder,
      OptionalLong checkpoint,
      List<TrainingListener> listeners) {
    this.config = config;
    this.folder = folder;
    TextEncoder encoder = new Gpt2Tokenizer();
    Datasets opened = null;
    RunLog openedLog = null;
    try {
      opened = load(config, encoder);
      GptModel model = model(backend, config);
      OptimizerState optimizer = model.optimizerState(config.optimizer().decayAll());
      fingerprint =
          ConfigFingerprint.of(config, opened.trainingTokens(), DataChecksum.of(opened));
      Start start = begin(backend, model, optimizer, checkpoint);
      totalSteps = RunLength.of(config.batch(), opened.training()).totalSteps();
      boolean csv = config.watch().logs().contains("csv");
      openedLog =
          checkpoint.isPresent()
              ? RunLog.resume(folder.path(), start.state.step(), csv)
              : RunLog.create(folder.path(), csv);
      List<TrainingListener> all = new ArrayList<>();
      all.add(openedLog);
      all.addAll(listeners);
      trainer =
          new Trainer(
              new Trainer.Setup(
                  backend,
                  config,
                  model,
                  opened.training(),
                  opened.validation().map(BatchSource.class::cast),
                  encoder,
                  Optional.of(checkpointer(backend, model, optimizer)),
                  all,
                  start.state,
                  start.validationLoss));
    } catch (RuntimeException | Error e) {
      closeAll(openedLog, opened, folder);
      throw e;
    }
    data = opened;
    log = openedLog;
  }

  /**
   * Prepares a new run: loads the data, allocates and initialises the model, creates the folder.
   *
   * @param recorded what {@code config.json} keeps
   * @param out folder that must not exist
   * @param listeners hear the run after its own log
   * @throws GptException if data, model or folder cannot work
   */
  public static TrainingRun create(
      Backend backend,
      TrainConfig config,
      JsonNode recorded,
      Path out,
      List<TrainingListener> listeners) {
    RunFolder folder = RunFolder.create(out);
    folder.writeConfig(recorded);
    folder.writeEnvironment(Environment.current(version(), Optional.empty(), backend.description()));
    return new TrainingRun(backend, config, folder, OptionalLong.empty(), listeners);
  }

  /** {@link #create} with the configuration itself in {@code config.json}. */
  public static TrainingRun create(
      Backend backend, TrainConfig config, Path out, TrainingListener... listeners) {
    JsonNode recorded = Json.object().put("configuration", config.toString());
    return create(backend, config, recorded, out, List.of(listeners));
  }

  /**
   * Prepares to continue a run from a checkpoint. A run that stopped before its first checkpoint
   * begins anew.
   *
   * @param config of the run when it was created
   * @param step number of the checkpoint; empty for the newest
   * @throws GptException with {@link Failure#CHECKPOINT} if the checkpoint is damaged
   */
  public static TrainingRun resume(
      Backend backend,
      TrainConfig config,
      Path run,
      OptionalLong step,
      List<TrainingListener> listeners) {
    RunFolder folder = RunFolder.open(run);
    OptionalLong checkpoint = step.isPresent() ? step : Checkpoints.latest(run);
    return new TrainingRun(backend, config, folder, checkpoint, listeners);
  }

  private static Datasets load(TrainConfig config, TextEncoder encoder) {
    int sequence = config.batch().sequenceLength();
    String flag =
        sequence == config.model().contextLength() ? "--context-length" : "--sequence-length";
    return Datasets.load(
        config.data(), sequence, flag, config.batch().batchSize(), config.seed(), encoder);
  }

  private static GptModel model(Backend backend, TrainConfig config) {
    GptConfig shape = config.model();
    return new GptModel(
        backend, shape, config.batch().batchSize(), config.batch().sequenceLength(), true);
  }

  private record Start(TrainerState state, double validationLoss) {}

  private Start begin(
      Backend backend, GptModel model, OptimizerState optimizer, OptionalLong step) {
    if (step.isPresent()) {
      Checkpoint checkpoint = Checkpoints.open(folder.path(), step.getAsLong());
      if (!checkpoint.info().fingerprint().equals(fingerprint)) {
        throw new GptException(
            Failure.DATA,
            "%s cannot go on bit for bit: its data or configuration changed since checkpoint %s\nrestore them, or start a new run with --init-from %s"
                .formatted(folder.path(), checkpoint.folder().getFileName(), checkpoint.folder()));
      }
      checkpoint.read(backend, model.layout(), optimizer);
      return new Start(checkpoint.info().state(), checkpoint.info().validationLoss());
    }
    if (config.initFrom().isPresent()) {
      try (ModelFolder source = Checkpoints.openModel(config.initFrom().get())) {
        source.read(new FlatParameters(backend, model.layout(), model.weights().flat()));
      }
    } else {
      new WeightInitializer(config.initialization(), config.seed(), config.model().layers())
          .initialize(backend, model.layout(), model.weights().flat());
    }
    return new Start(TrainerState.START, Double.NaN);
  }

  private Checkpointer checkpointer(Backend backend, GptModel model, OptimizerState optimizer) {
    CheckpointStore store = new CheckpointStore(folder);
    long warmup = new LearningRateSchedule(config.optimizer(), totalSteps).warmupSteps();
    return (state, validationLoss) -> {
      CheckpointInfo info =
          new CheckpointInfo(
              state,
              config.seed(),
              totalSteps,
              warmup,
              validationLoss,
              fingerprint);
      Path saved = store.save(backend, model.layout(), optimizer, info, config.keep().keep());
      store.discardAfter(state.step());
      writeState("running");
      return saved;
    };
  }

  private void writeState(String status) {
    OptionalLong best = Checkpoints.best(folder.path());
    double loss =
        best.isPresent()
            ? CheckpointInfo.read(Checkpoints.folder(folder.path(), best.getAsLong()))
                .validationLoss()
            : Double.NaN;
    folder.writeState(
        new RunState(status, totalSteps, Checkpoints.latest(folder.path()), best, loss));
  }

  /** The run's data, for its counts. */
  public Datasets data() {
    return data;
  }

  /** The run's folder. */
  public Path path() {
    return folder.path();
  }

  /** The loop, for asking it to stop. */
  public Trainer trainer() {
    return trainer;
  }

  /**
   * Trains to the end, or until it is asked to stop, and draws the charts.
   *
   * @throws GptException with {@link Failure#DIVERGED} if a number is no longer finite
   */
  public Outcome train() {
    String status = "diverged";
    try {
      Outcome outcome = trainer.run();
      status = outcome.reason();
      return outcome;
    } finally {
      writeState(status);
      LossPlot.write(RunHistory.read(folder.path()), folder.path())
          .ifPresent(why -> log.on(new TrainingEvent.Warning(trainer.state().step(), why)));
    }
  }

  private static String version() {
    String version = TrainingRun.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }

  private static void closeAll(AutoCloseable... resources) {
    for (AutoCloseable resource : resources) {
      try {
        if (resource != null) {
          resource.close();
        }
      } catch (Exception e) {
        throw new IllegalStateException("cannot close " + resource, e);
      }
    }
  }

  /** Closes log, data and folder; the folder can then be used by others. */
  @Override
  public void close() {
    closeAll(trainer, log, data, folder);
  }
}
