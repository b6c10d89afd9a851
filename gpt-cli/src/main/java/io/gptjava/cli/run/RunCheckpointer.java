package io.gptjava.cli.run;

import io.gptjava.core.OptimizerState;
import io.gptjava.train.Checkpointer;
import io.gptjava.train.TrainerState;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.run.CheckpointInfo;
import io.gptjava.train.run.CheckpointStore;
import io.gptjava.train.run.RunFolder;
import io.gptjava.train.run.RunState;
import java.nio.file.Path;

/** Saves checkpoints of a run and keeps the run's own {@code trainer.json} up to date. */
final class RunCheckpointer implements Checkpointer, TrainingListener {
  private final RunFolder folder;
  private final CheckpointStore store;
  private final Workbench bench;
  private final GptModel model;
  private final CheckpointInfo template;
  private double validationLoss;
  private boolean saved;

  /**
   * A checkpointer.
   *
   * @param template what all checkpoints of the run share, and the last validation loss
   */
  RunCheckpointer(
      RunFolder folder,
      CheckpointStore store,
      Workbench bench,
      GptModel model,
      CheckpointInfo template) {
    this.folder = folder;
    this.store = store;
    this.bench = bench;
    this.model = model;
    this.template = template;
    this.validationLoss = template.validationLoss();
  }

  @Override
  public Path save(TrainerState state, boolean best) {
    TrainConfig config = bench.config();
    OptimizerState optimizer = model.optimizerState(config.optimizer().decayAll());
    CheckpointInfo info =
        new CheckpointInfo(
            state,
            template.seed(),
            template.totalSteps(),
            template.warmupSteps(),
            validationLoss,
            template.fingerprint());
    Path path =
        store.save(bench.backend(), model.layout(), optimizer, info, config.keep().keep());
    if (!saved) {
      store.discardAfter(state.step()); // left from before the run went back
      saved = true;
    }
    return path;
  }

  @Override
  public void on(TrainingEvent event) {
    switch (event) {
      case TrainingEvent.Started _, TrainingEvent.Saved _ -> write("running");
      case TrainingEvent.Evaluated e -> validationLoss = e.validationLoss();
      case TrainingEvent.Ended e -> write(e.reason());
      default -> {}
    }
  }

  private void write(String status) {
    Path run = folder.path();
    java.util.OptionalLong best = CheckpointStore.best(run);
    double bestLoss =
        best.isPresent()
            ? CheckpointStore.validationLoss(run, best.getAsLong())
            : Double.NaN;
    folder.writeState(
        new RunState(
            status, template.totalSteps(), CheckpointStore.latest(run), best, bestLoss));
  }
}
