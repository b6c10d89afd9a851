package io.gptjava.train.run;

import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.OptimizerState;
import io.gptjava.train.Checkpointer.Restored;
import io.gptjava.train.TrainerState;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.ModelSize;
import io.gptjava.train.model.WeightInitializer;
import java.nio.file.Path;

/**
 * The model of a run with its optimizer's moments, and the states that it can be put into.
 *
 * @param fingerprint of configuration and data ({@link ConfigFingerprint})
 */
record RunModel(
    Backend backend,
    TrainConfig config,
    GptModel model,
    OptimizerState optimizer,
    String fingerprint) {
  /** Allocates it; all values are zero. */
  static RunModel allocate(Backend backend, TrainConfig config, String fingerprint) {
    GptModel model = new GptModel(backend, ModelSize.of(config));
    OptimizerState optimizer = model.optimizerState(config.optimizer().decayAll());
    return new RunModel(backend, config, model, optimizer, fingerprint);
  }

  /** Puts the weights where the run begins; the moments are untouched. */
  void initialize() {
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

  /** Puts weights and moments back to where the run began. */
  Restored beginAgain() {
    backend.synchronize();
    initialize();
    FlatParameters.Source zero = (_, memory) -> memory.fill((byte) 0);
    new FlatParameters(backend, model.layout(), optimizer.firstMoment()).write(zero);
    new FlatParameters(backend, model.layout(), optimizer.secondMoment()).write(zero);
    return new Restored(TrainerState.START, Double.NaN);
  }

  /**
   * Puts weights and moments into the state of a checkpoint.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if it is damaged, {@link Failure#DATA} if
   *     it was made with other data or another configuration
   */
  Restored read(Path run, long step) {
    Checkpoint checkpoint = Checkpoints.open(run, step);
    CheckpointInfo info = checkpoint.info();
    if (!info.fingerprint().equals(fingerprint)) {
      throw new GptException(
          Failure.DATA,
          "%s cannot go on bit for bit: its data or configuration changed since checkpoint %s\nrestore them, or start a new run with --init-from %s"
              .formatted(run, checkpoint.folder().getFileName(), checkpoint.folder()));
    }
    backend.synchronize();
    checkpoint.read(backend, model.layout(), optimizer);
    model.mastersRestored(config.optimizer().adamW(), config.seed(), info.state().updates());
    return new Restored(info.state(), info.validationLoss());
  }
}
