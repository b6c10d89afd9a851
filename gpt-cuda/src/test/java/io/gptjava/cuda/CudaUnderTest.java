package io.gptjava.cuda;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gptjava.core.BackendOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The CUDA that tests run on: the host emulator that the build made, or with {@code
 * -Dgpt.cuda.real=true} a GPU.
 */
public final class CudaUnderTest {
  private CudaUnderTest() {}

  /** Whether the tests run on a GPU. */
  public static boolean real() {
    return Boolean.getBoolean("gpt.cuda.real");
  }

  /** Options that open it; skips the test, with the reason, if it is not there. */
  public static BackendOptions options() {
    if (real()) {
      return BackendOptions.DEFAULT;
    }
    String emulator = System.getProperty("gpt.cuda.emulator", "");
    assumeTrue(
        !emulator.isEmpty() && Files.exists(Path.of(emulator)),
        () -> "no CUDA emulator at '" + emulator + "': the build makes it where g++ and make are");
    return BackendOptions.DEFAULT.withCuda(
        Optional.of(Path.of(emulator).toAbsolutePath().normalize()), Optional.empty());
  }
}
