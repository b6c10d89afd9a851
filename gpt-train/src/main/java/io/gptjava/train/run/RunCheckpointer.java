package io.gptjava.train.run;

import io.gptjava.train.Checkpointer;
import io.gptjava.train.LearningRateSchedule;
import io.gptjava.train.TrainerState;
import io.gptjava.train.config.TrainConfig;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;

/** Keeps the checkpoints of a run, and its {@code trainer.json} beside them. */
final class RunCheckpointer implements Checkpointer {
  private final RunModel model;
  private final RunFolder folder;
  private final CheckpointStore store;
  private final long totalSteps;
  private OptionalLong last;

  /**
   * For a run that begins or goes on.
   *
   * @param from checkpoint that the run goes on from; those after it are of another future
   */
  RunCheckpointer(RunModel model, RunFolder folder, long totalSteps, OptionalLong from) {
    this.model = model;
    this.folder = folder;
    this.totalSteps = totalSteps;
    store = new CheckpointStore(folder);
    last = from;
  }

  @Override
  public Path save(TrainerState state, double validationLoss) {
    TrainConfig config = model.config();
    long warmup = new LearningRateSchedule(config.optimizer(), totalSteps).warmupSteps();
    CheckpointInfo info =
        new CheckpointInfo(
            state, config.seed(), totalSteps, warmup, validationLoss, model.fingerprint());
    Path saved =
        store.save(
            model.backend(), model.model().layout(), model.optimizer(), info, config.keep().keep());
    last = OptionalLong.of(state.step());
    store.discardAfter(state.step());
    writeState("running");
    return saved;
  }

  @Override
  public Optional<Restored> restore() {
    return Optional.of(
        last.isPresent() ? model.read(folder.path(), last.getAsLong()) : model.beginAgain());
  }

  /** Writes what {@code trainer.json} of the run says. */
  void writeState(String status) {
    OptionalLong best = Checkpoints.best(folder.path());
    double loss =
        best.isPresent()
            ? CheckpointInfo.read(Checkpoints.folder(folder.path(), best.getAsLong()))
                .validationLoss()
            : Double.NaN;
    folder.writeState(
        new RunState(status, totalSteps, Checkpoints.latest(folder.path()), best, loss));
  }
}
