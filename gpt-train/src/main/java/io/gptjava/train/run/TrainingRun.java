package io.gptjava.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.train.Checkpointer;
import io.gptjava.train.LearningRateSchedule;
import io.gptjava.train.RunLength;
import io.gptjava.train.Trainer;
import io.gptjava.train.Trainer.Outcome;
import io.gptjava.train.TrainerState;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.data.Datasets;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.ModelSize;
import io.gptjava.train.model.WeightInitializer;
import io.gptjava.train.plot.LossPlot;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A run as people know it: data, model and trainer on a backend, with a folder that keeps log,
 * charts and checkpoints. Begin one with {@link #create}, continue one with {@link #resume}, then
 * {@link #train()} and close it. The backend belongs to the caller.
 */
public final class TrainingRun implements AutoCloseable {
  private final TrainConfig config;
  private final RunFolder folder;
  private final Datasets data;
  private final RunLog log;
  private final List<TrainingListener> listeners = new ArrayList<>();
  private final Trainer trainer;
  private final long totalSteps;
  private final String fingerprint;

  /** Data and model of a run, which nothing has happened to yet. */
  private record Prepared(
      Datasets data, GptModel model, OptimizerState optimizer, String fingerprint) {}

  /**
   * Where training begins.
   *
   * @param checkpoint whether the state is that of a checkpoint
   */
  private record Start(TrainerState state, double validationLoss, boolean checkpoint) {
    static final Start NEW = new Start(TrainerState.START, Double.NaN, false);
  }

  private TrainingRun(
      Backend backend,
      TrainConfig config,
      RunFolder folder,
      Prepared prepared,
      Start start,
      List<TrainingListener> listeners) {
    this.config = config;
    this.folder = folder;
    data = prepared.data;
    fingerprint = prepared.fingerprint;
    totalSteps = RunLength.of(config.batch(), data.training()).totalSteps();
    boolean csv = config.watch().logs().contains("csv");
    log =
        start.checkpoint
            ? RunLog.resume(folder.path(), start.state.step(), csv)
            : RunLog.create(folder.path(), csv);
    this.listeners.add(log);
    this.listeners.addAll(listeners);
    trainer =
        new Trainer(
            new Trainer.Setup(
                backend,
                config,
                prepared.model,
                data.training(),
                data.validation().map(BatchSource.class::cast),
                new Gpt2Tokenizer(),
                Optional.of(checkpointer(backend, prepared.model, prepared.optimizer)),
                this.listeners,
                start.state,
                start.validationLoss));
  }

  /**
   * Prepares a new run: loads the data, allocates and initialises the model, creates the folder.
   *
   * @param recorded what {@code config.json} keeps
   * @param out folder that must not exist
   * @param listeners hear the run after its own log
   * @throws GptException if data, model or folder cannot work; then no folder is left
   */
  public static TrainingRun create(
      Backend backend,
      TrainConfig config,
      JsonNode recorded,
      Path out,
      List<TrainingListener> listeners) {
    if (Files.exists(out)) {
      RunFolder.create(out).close(); // refuses, and says why, before the work begins
    }
    List<AutoCloseable> open = new ArrayList<>();
    try {
      Prepared prepared = prepare(backend, config, open);
      initialize(backend, config, prepared.model);
      RunFolder folder = RunFolder.create(out);
      try {
        folder.writeConfig(recorded);
        folder.writeEnvironment(
            Environment.current(version(), BuildCommit.read(), backend.description()));
        return new TrainingRun(backend, config, folder, prepared, Start.NEW, listeners);
      } catch (RuntimeException | Error e) {
        folder.discard(e);
        throw e;
      }
    } catch (RuntimeException | Error e) {
      closeAll(open.reversed());
      throw e;
    }
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
    List<AutoCloseable> open = new ArrayList<>();
    try {
      RunFolder folder = RunFolder.open(run);
      open.add(folder);
      Prepared prepared = prepare(backend, config, open);
      OptionalLong checkpoint = step.isPresent() ? step : Checkpoints.latest(run);
      Start start = Start.NEW;
      if (checkpoint.isPresent()) {
        start = read(backend, config, prepared, run, checkpoint.getAsLong());
      } else {
        initialize(backend, config, prepared.model);
      }
      return new TrainingRun(backend, config, folder, prepared, start, listeners);
    } catch (RuntimeException | Error e) {
      closeAll(open.reversed());
      throw e;
    }
  }

  private static Prepared prepare(Backend backend, TrainConfig config, List<AutoCloseable> open) {
    BatchConfig batch = config.batch();
    int sequence = batch.sequenceLength();
    boolean whole = sequence == config.model().contextLength();
    String flag = whole ? "--context-length" : "--sequence-length";
    Datasets data =
        Datasets.load(
            config.data(), sequence, flag, batch.batchSize(), config.seed(), new Gpt2Tokenizer());
    open.add(data);
    GptModel model = new GptModel(backend, ModelSize.of(config));
    return new Prepared(
        data,
        model,
        model.optimizerState(config.optimizer().decayAll()),
        ConfigFingerprint.of(config, data.trainingTokens(), DataChecksum.of(data)));
  }

  private static void initialize(Backend backend, TrainConfig config, GptModel model) {
    if (config.initFrom().isPresent()) {
      try (ModelFolder source = Checkpoints.openModel(config.initFrom().get())) {
        source.read(new FlatParameters(backend, model.layout(), model.masters()));
      }
    } else {
      new WeightInitializer(config.initialization(), config.seed(), config.model().layers())
          .initialize(backend, model.layout(), model.masters());
    }
    model.mastersChanged();
  }

  private static Start read(
      Backend backend, TrainConfig config, Prepared prepared, Path run, long step) {
    Checkpoint checkpoint = Checkpoints.open(run, step);
    CheckpointInfo info = checkpoint.info();
    if (!info.fingerprint().equals(prepared.fingerprint)) {
      throw new GptException(
          Failure.DATA,
          "%s cannot go on bit for bit: its data or configuration changed since checkpoint %s\nrestore them, or start a new run with --init-from %s"
              .formatted(run, checkpoint.folder().getFileName(), checkpoint.folder()));
    }
    checkpoint.read(backend, prepared.model.layout(), prepared.optimizer);
    prepared.model.mastersRestored(
        config.optimizer().adamW(), config.seed(), info.state().updates());
    return new Start(info.state(), info.validationLoss(), true);
  }

  private Checkpointer checkpointer(Backend backend, GptModel model, OptimizerState optimizer) {
    CheckpointStore store = new CheckpointStore(folder);
    long warmup = new LearningRateSchedule(config.optimizer(), totalSteps).warmupSteps();
    return (state, validationLoss) -> {
      CheckpointInfo info =
          new CheckpointInfo(state, config.seed(), totalSteps, warmup, validationLoss, fingerprint);
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
   * @throws GptException with {@link Failure#DIVERGED} if a number is no longer finite, or with
   *     another failure if a checkpoint cannot be written
   */
  public Outcome train() {
    try {
      Outcome outcome = trainer.run();
      conclude(outcome.reason());
      return outcome;
    } catch (GptException e) {
      try {
        conclude(e.failure() == Failure.DIVERGED ? "diverged" : "failed");
      } catch (RuntimeException second) {
        e.addSuppressed(second); // a full disk fails twice
      }
      throw e;
    }
  }

  private void conclude(String status) {
    writeState(status);
    LossPlot.write(RunHistory.read(folder.path()), folder.path())
        .map(why -> new TrainingEvent.Warning(trainer.state().step(), why))
        .ifPresent(warning -> listeners.forEach(listener -> listener.on(warning)));
  }

  private static String version() {
    String version = TrainingRun.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }

  private static void closeAll(List<AutoCloseable> resources) {
    for (AutoCloseable resource : resources) {
      try {
        resource.close();
      } catch (Exception e) {
        throw new IllegalStateException("cannot close " + resource, e);
      }
    }
  }

  /** Ends the reader and closes log, data and folder, which others can then use. */
  @Override
  public void close() {
    closeAll(List.of(trainer, log, data, folder));
  }
}
