package io.gptjava.cli.model;

import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.train.run.Checkpoint;
import io.gptjava.train.run.Checkpoints;
import io.gptjava.train.run.FlatParameters;
import io.gptjava.train.run.ModelFolder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/**
 * Weights that a path stands for: the newest checkpoint of a run, a checkpoint, or a Hugging Face
 * folder.
 *
 * @param folder that holds the weights
 */
public record ModelSource(Path folder) {
  /**
   * Finds the weights and verifies checksums where there are some.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if there are none or they are damaged
   */
  public static ModelSource of(Path path) {
    if (!Files.isDirectory(path)) {
      throw new GptException(
          Failure.CHECKPOINT,
          "%s is %s; give the folder of a run, a checkpoint or a Hugging Face model"
              .formatted(path, Files.exists(path) ? "a file" : "not there"));
    }
    if (isRun(path)) {
      OptionalLong latest = Checkpoints.latest(path);
      if (latest.isEmpty()) {
        throw new GptException(
            Failure.CHECKPOINT,
            "%s has no checkpoint yet; continue it with: gpt resume %s".formatted(path, path));
      }
      return new ModelSource(Checkpoints.open(path, latest.getAsLong()).folder());
    }
    if (Checkpoint.isCheckpoint(path)) {
      return new ModelSource(Checkpoint.open(path).folder());
    }
    return new ModelSource(path);
  }

  /** Whether a folder is that of a run. */
  public static boolean isRun(Path path) {
    return Files.isDirectory(path.resolve("checkpoints"));
  }

  /** Shape of the model. */
  public GptConfig config() {
    try (ModelFolder model = ModelFolder.open(folder)) {
      return model.config();
    }
  }

  /** Copies the weights into a model of the same shape. */
  public void read(FlatParameters target) {
    try (ModelFolder model = ModelFolder.open(folder)) {
      model.read(target);
    }
  }
}
