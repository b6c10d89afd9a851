package io.gptjava.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.train.Checkpointer.Restored;
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
  private final RunFolder folder;
  private final Datasets data;
  private final RunLog log;
  private final List<TrainingListener> listeners = new ArrayList<>();
  private final Trainer trainer;
  private final RunCheckpointer checkpointer;

  /** Data and model of a run, which nothing has happened to yet. */
  private record Prepared(Datasets data, RunModel model) {}

  /**
   * Where training begins.
   *
   * @param checkpoint number of the checkpoint, if the state is that of one
   */
  private record Start(Restored state, OptionalLong checkpoint) {
    static final Start NEW =
        new Start(new Restored(TrainerState.START, Double.NaN), OptionalLong.empty());
  }

  private TrainingRun(
      Backend backend,
      TrainConfig config,
      RunFolder folder,
      Prepared prepared,
      Start start,
      List<TrainingListener> listeners) {
    this.folder = folder;
    data = prepared.data;
    TrainerState state = start.state.state();
    long totalSteps = RunLength.of(config.batch(), data.training()).totalSteps();
    checkpointer = new RunCheckpointer(prepared.model, folder, totalSteps, start.checkpoint);
    boolean csv = config.watch().logs().contains("csv");
    log =
        start.checkpoint.isPresent()
            ? RunLog.resume(folder.path(), state.step(), csv)
            : RunLog.create(folder.path(), csv);
    this.listeners.add(log);
    this.listeners.addAll(listeners);
    trainer =
        new Trainer(
            new Trainer.Setup(
                backend,
                config,
                prepared.model.model(),
                data.training(),
                data.validation().map(BatchSource.class::cast),
                new Gpt2Tokenizer(),
                Optional.of(checkpointer),
                this.listeners,
                state,
                start.state.validationLoss()));
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
      prepared.model.initialize();
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
        start = new Start(prepared.model.read(run, checkpoint.getAsLong()), checkpoint);
      } else {
        prepared.model.initialize();
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
    long tokens = data.trainingTokens();
    String fingerprint = ConfigFingerprint.of(config, tokens, DataChecksum.of(data));
    return new Prepared(data, RunModel.allocate(backend, config, fingerprint));
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
    checkpointer.writeState(status);
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
