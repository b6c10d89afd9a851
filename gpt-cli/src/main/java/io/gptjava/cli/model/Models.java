package io.gptjava.cli.model;

import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.run.Checkpoints;
import io.gptjava.train.run.FlatParameters;
import io.gptjava.train.run.ModelFolder;
import java.nio.file.Files;
import java.nio.file.Path;

/** Models that a path leads to: a run, a checkpoint or a Hugging Face folder. */
public final class Models {
  private Models() {}

  /** Shape of the model. */
  public static GptConfig config(Path path) {
    try (ModelFolder folder = open(path)) {
      return folder.config();
    }
  }

  /**
   * A model for inference.
   *
   * @param batch B
   * @param sequence T
   */
  public static GptModel load(Backend backend, Path path, int batch, int sequence) {
    try (ModelFolder folder = open(path)) {
      GptModel model = new GptModel(backend, folder.config(), batch, sequence, false);
      folder.read(new FlatParameters(backend, model.layout(), model.masters()));
      model.mastersChanged();
      return model;
    }
  }

  /**
   * Opens the weights that a path leads to.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if there are none or they are damaged
   */
  public static ModelFolder open(Path path) {
    if (!Files.isDirectory(path)) {
      throw new GptException(
          Failure.CHECKPOINT,
          "%s %s; give the folder of a run, a checkpoint or a Hugging Face model"
              .formatted(path, Files.exists(path) ? "is a file" : "does not exist"));
    }
    return Checkpoints.openModel(path);
  }

  /** Whether a folder is that of a run. */
  public static boolean isRun(Path path) {
    return Files.isDirectory(path.resolve("checkpoints"));
  }
}
