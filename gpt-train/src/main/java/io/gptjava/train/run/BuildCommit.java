package io.gptjava.train.run;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** The git commit that this program was built from, as the build wrote it into the jar. */
public final class BuildCommit {
  private static final String RESOURCE = "commit.txt";

  private BuildCommit() {}

  /**
   * Reads it: 40 hexadecimal digits, and {@code -dirty} if tracked files differed from the commit.
   * Empty if the sources did not lie in git.
   */
  public static Optional<String> read() {
    try (InputStream in = BuildCommit.class.getResourceAsStream(RESOURCE)) {
      return in == null
          ? Optional.empty()
          : Optional.of(new String(in.readAllBytes(), StandardCharsets.US_ASCII).strip())
              .filter(commit -> !commit.isEmpty());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
