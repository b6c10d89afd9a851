package io.gptjava.benchmarks.cuda;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gptjava.core.BackendOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The CUDA that tests run on: the host emulator, or with {@code -Dgpt.cuda.real=true} a GPU, with
 * the libraries that {@code gpt} would take.
 */
final class CudaEmulator {
  private CudaEmulator() {}

  /** Where the environment says that CUDA is, as {@code gpt} reads it. */
  private static Optional<Path> cudaHome() {
    return Stream.of("CUDA_HOME", "VIRTUAL_ENV", "CONDA_PREFIX")
        .map(System::getenv)
        .filter(home -> home != null && !home.isEmpty())
        .findFirst()
        .map(Path::of);
  }

  /** Options that open it; skips the test, with the reason, if it is not there. */
  static BackendOptions options() {
    if (Boolean.getBoolean("gpt.cuda.real")) {
      return BackendOptions.DEFAULT.withCuda(Optional.empty(), cudaHome());
    }
    Path emulator = Path.of(System.getProperty("gpt.cuda.emulator", "")).toAbsolutePath();
    assumeTrue(
        Files.isRegularFile(emulator),
        () -> "no CUDA emulator at " + emulator + ": the build makes it where g++ and make are");
    return BackendOptions.DEFAULT.withCuda(Optional.of(emulator.normalize()), Optional.empty());
  }
}
