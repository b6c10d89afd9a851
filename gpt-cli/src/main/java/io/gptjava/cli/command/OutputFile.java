package io.gptjava.cli.command;

import io.gptjava.train.run.DurableFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A file that a command is to write besides what it prints. */
final class OutputFile {
  private OutputFile() {}

  /**
   * Sees, before anything is computed, that a file can be written.
   *
   * @throws io.gptjava.core.GptException with {@link io.gptjava.core.Failure#USAGE} if not
   */
  static void check(String flag, Path file) {
    Path folder = file.toAbsolutePath().getParent();
    if (Files.isDirectory(file) || folder == null || !Files.isDirectory(folder)) {
      throw Usage.error(
          "%s %s: %s; name a file in a folder that exists",
          flag, file, Files.isDirectory(file) ? "it is a folder" : "its folder does not exist");
    }
  }

  /** Writes it in UTF-8. */
  static void write(Path file, String text) {
    try {
      DurableFiles.replace(file, text.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw DurableFiles.cannotWrite(file, "choose another place", e);
    }
  }
}
