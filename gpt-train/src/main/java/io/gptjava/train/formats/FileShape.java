package io.gptjava.train.formats;

import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import java.nio.file.Path;

/**
 * Checks the numbers that a file gives as a model's shape, before anything is computed or allocated
 * from them.
 */
public final class FileShape {
  /** More than any model has, and small enough that products of two do not overflow. */
  public static final int LARGEST = 1 << 24;

  /** More layers than any model has, and few enough to list the tensors of. */
  public static final int MOST_LAYERS = 1 << 14;

  private FileShape() {}

  /**
   * A number that is part of a shape.
   *
   * @param name of it in the file
   * @throws GptException with {@link Failure#CHECKPOINT} if it is not in [1, {@link #LARGEST}]
   */
  static int number(Path file, String name, long value) {
    return number(file, name, value, LARGEST);
  }

  /** A number of layers, likewise, of at most {@link #MOST_LAYERS}. */
  static int layers(Path file, String name, long value) {
    return number(file, name, value, MOST_LAYERS);
  }

  private static int number(Path file, String name, long value, int most) {
    if (value < 1 || value > most) {
      throw ModelFiles.failure(
          file, "%s is %d, it should lie between 1 and %d".formatted(name, value, most));
    }
    return (int) value;
  }

  /**
   * Whether attention heads divide the width.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if they do not
   */
  public static void checkHeads(Path file, String widthName, int width, String name, int heads) {
    if (width % heads != 0) {
      throw ModelFiles.failure(
          file,
          "%s %d is not divisible by %s %d; the file is not that of a GPT-2"
              .formatted(widthName, width, name, heads));
    }
  }

  /**
   * Whether there are tensors enough for all layers: without them, listing what is missing would
   * take memory that a file's number decides.
   *
   * @param tensors that the file has
   */
  public static void checkLayers(Path file, GptConfig config, int tensors, String firstMissing) {
    if (config.layers() > tensors) {
      throw ModelFiles.failure(
          file,
          "it has %d tensors, %d layers need more; it has no tensor %s"
              .formatted(tensors, config.layers(), firstMissing.formatted(tensors)));
    }
  }
}
