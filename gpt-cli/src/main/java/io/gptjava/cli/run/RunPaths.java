package io.gptjava.cli.run;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.Optional;

/** Where a new run goes. */
public final class RunPaths {
  private RunPaths() {}

  /**
   * The folder that the user asked for, or a free one named by date and preset.
   *
   * @throws GptException with {@link Failure#USAGE} if the one asked for exists
   */
  public static Path choose(Optional<Path> asked, LocalDate today, String name) {
    if (asked.isPresent()) {
      if (Files.exists(asked.get(), LinkOption.NOFOLLOW_LINKS)) {
        throw new GptException(
            Failure.USAGE,
            "--out %s exists; choose another folder, or continue that run with: gpt resume %s"
                .formatted(asked.get(), asked.get()));
      }
      return asked.get();
    }
    Path folder = Path.of("runs", today + "-" + name);
    for (int i = 2; Files.exists(folder, LinkOption.NOFOLLOW_LINKS); i++) {
      folder = Path.of("runs", today + "-" + name + "-" + i);
    }
    return folder;
  }
}
