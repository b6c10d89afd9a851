package io.gptjava.cli.run;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.train.LearningRateSchedule;
import io.gptjava.train.RunLength;
import io.gptjava.train.Trainer;
import io.gptjava.train.TrainerState;
import io.gptjava.train.TrainingListener;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.data.PrefetchingLoader;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.plot.LossPlot;
import io.gptjava.train.run.Checkpoint;
import io.gptjava.train.run.CheckpointInfo;
import io.gptjava.train.run.CheckpointStore;
import io.gptjava.train.run.RunFolder;
import io.gptjava.train.run.RunHistory;
import io.gptjava.train.run.RunLog;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** Trains in a run folder, from its beginning or from a checkpoint, until done or stopped. */
public final class TrainingRun {
  private final CliContext context;
  private final ResolvedSettings settings;
  private final Workbench bench;
  private final RunFolder folder;
  private final List<TrainingListener> extra;

  /**
   * A run.
   *
   * @param folder of the run, locked
   * @param extra listeners besides log and state
   */
  public TrainingRun(
      CliContext context,
      ResolvedSettings settings,
      Workbench bench,
      RunFolder folder,
      List<TrainingListener> extra) {
    this.context = context;
    this.settings = settings;
    this.bench = bench;
    this.folder = folder;
    this.extra = List.copyOf(extra);
  }

  /** Told the trainer before it runs, so that a listener can stop it. */
  @FunctionalInterface
  public interface TrainerHook {
    /** Called once. */
    void accept(Trainer trainer);
  }

  /**
   * Trains.
   *
   * @param model made by the workbench
   * @param from where to go on; empty for the beginning
   * @return exit code: 0, or 128 + signal
   */
  public int train(GptModel model, Optional<Checkpoint> from, TrainerHook hook) {
    TrainConfig config = bench.config();
    CheckpointStore store = new CheckpointStore(folder);
    RunCheckpointer checkpointer = checkpointer(model, store, from);
    TrainerState state = begin(model, from);
    boolean csv = config.watch().logs().contains("csv");
    boolean fresh = from.isEmpty() && !folder.metrics().toFile().exists();
    try (RunLog log =
            fresh
                ? RunLog.create(folder.path(), csv)
                : RunLog.resume(folder.path(), state.step(), csv);
        PrefetchingLoader training = new PrefetchingLoader(bench.data().training())) {
      List<TrainingListener> listeners = new ArrayList<>();
      listeners.add(log);
      listeners.add(checkpointer);
      listeners.addAll(extra);
      Trainer.Setup setup =
          new Trainer.Setup(
              bench.backend(),
              config,
              model,
              training,
              bench.data().validation().map(loader -> loader),
              bench.encoder(),
              Optional.of(checkpointer),
              listeners,
              state);
      try (Trainer trainer = new Trainer(setup)) {
        hook.accept(trainer);
        return run(trainer);
      }
    }
  }

  private TrainerState begin(GptModel model, Optional<Checkpoint> from) {
    if (from.isEmpty()) {
      bench.initialize(model);
      return TrainerState.START;
    }
    boolean decayAll = bench.config().optimizer().decayAll();
    from.get().read(bench.backend(), model.layout(), model.optimizerState(decayAll));
    return from.get().info().state();
  }

  private RunCheckpointer checkpointer(
      GptModel model, CheckpointStore store, Optional<Checkpoint> from) {
    TrainConfig config = bench.config();
    RunLength length = RunLength.of(config.batch(), bench.data().training());
    LearningRateSchedule schedule =
        new LearningRateSchedule(config.optimizer(), length.totalSteps());
    double validationLoss =
        from.map(checkpoint -> checkpoint.info().validationLoss()).orElse(Double.NaN);
    return new RunCheckpointer(
        folder,
        store,
        bench,
        model,
        new CheckpointInfo(
            TrainerState.START,
            config.seed(),
            length.totalSteps(),
            schedule.warmupSteps(),
            validationLoss,
            bench.fingerprint()));
  }

  private int run(Trainer trainer) {
    Trainer.Outcome outcome;
    OptionalInt signal;
    try (Interrupts interrupts = new Interrupts(trainer::requestStop, context.err())) {
      try {
        outcome = trainer.run();
      } finally {
        plot();
      }
      signal = interrupts.exitCode();
    }
    Path run = folder.path();
    if (outcome == Trainer.Outcome.STOPPED) {
      context
          .err()
          .println(
              "Stopped after %d steps; resume with: ./gpt resume %s"
                  .formatted(trainer.state().step(), run));
      return signal.orElse(0);
    }
    if (!settings.flag("quiet") && !settings.flag("json")) {
      PrintStream out = context.out();
      out.println("Run: %s (loss.svg, samples.txt, metrics.jsonl, checkpoints)".formatted(run));
      out.println(
          "Sample it with: ./gpt generate %s --prompt \"%s\""
              .formatted(run, bench.config().watch().samplePrompt()));
    }
    return 0;
  }

  private void plot() {
    LossPlot.write(RunHistory.read(folder.path()), folder.path())
        .ifPresent(problem -> context.err().println("warning: " + problem));
  }
}
