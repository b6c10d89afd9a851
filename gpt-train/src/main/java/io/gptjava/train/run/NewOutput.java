package io.gptjava.train.run;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/**
 * A file or folder that appears whole or not at all: it is made under a temporary name beside it
 * and then renamed.
 */
public final class NewOutput {
  private NewOutput() {}

  /** Makes the output. */
  public interface Maker<T> {
    /**
     * Writes everything.
     *
     * @param temporary where to; nothing is there yet, but the folder around it
     */
    T make(Path temporary) throws IOException;
  }

  /**
   * Makes an output.
   *
   * @param target where it will be; folders around it are created
   * @throws GptException with {@link Failure#USAGE} if something is there already; what {@code
   *     maker} throws, after its traces are gone
   */
  public static <T> T create(Path target, Maker<T> maker) {
    if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      throw new GptException(
          Failure.USAGE, "--out %s already exists; choose another".formatted(target));
    }
    Path absolute = target.toAbsolutePath().normalize();
    Path temporary =
        absolute.resolveSibling(
            ".tmp-%s-%d".formatted(absolute.getFileName(), ProcessHandle.current().pid()));
    try {
      Files.createDirectories(absolute.getParent());
      DurableFiles.deleteTree(temporary);
      T result = maker.make(temporary);
      DurableFiles.rename(temporary, absolute);
      return result;
    } catch (IOException e) {
      remove(temporary, e);
      throw DurableFiles.cannotWrite(target, "choose another --out", e);
    } catch (RuntimeException | Error e) {
      remove(temporary, e);
      throw e;
    }
  }

  private static void remove(Path temporary, Throwable cause) {
    try {
      DurableFiles.deleteTree(temporary);
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }
}
