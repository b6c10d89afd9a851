package io.gptjava.cuda;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gptjava.core.BackendOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The CUDA that tests run on: the host emulator that the build made, or with {@code
 * -Dgpt.cuda.real=true} a GPU, with the libraries that {@code gpt} would take.
 */
public final class CudaUnderTest {
  private CudaUnderTest() {}

  /** Whether the tests run on a GPU. */
  public static boolean real() {
    return Boolean.getBoolean("gpt.cuda.real");
  }

  /** Where the environment says that CUDA is, as {@code gpt} reads it. */
  private static Optional<Path> cudaHome() {
    return Stream.of("CUDA_HOME", "VIRTUAL_ENV", "CONDA_PREFIX")
        .map(System::getenv)
        .filter(home -> home != null && !home.isEmpty())
        .findFirst()
        .map(Path::of);
  }

  /** Options that open it; skips the test, with the reason, if it is not there. */
  public static BackendOptions options() {
    if (real()) {
      return BackendOptions.DEFAULT.withCuda(Optional.empty(), cudaHome());
    }
    String emulator = System.getProperty("gpt.cuda.emulator", "");
    assumeTrue(
        !emulator.isEmpty() && Files.exists(Path.of(emulator)),
        () -> "no CUDA emulator at '" + emulator + "': the build makes it where g++ and make are");
    return BackendOptions.DEFAULT.withCuda(
        Optional.of(Path.of(emulator).toAbsolutePath().normalize()), Optional.empty());
  }
}
