package io.gptjava.cli.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions.Blas;
import io.gptjava.core.BackendOptions.CpuMatmul;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.Precision;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BackendChoiceTest {
  private static ResolvedSettings settings(String... keysAndValues) {
    Layer layer = new Layer();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      Setting setting = Settings.ALL.get(keysAndValues[i]);
      layer.put(setting, List.of(keysAndValues[i + 1]), setting.flag(), "flag");
    }
    return SettingsResolver.resolve(layer, Optional.empty(), Map.of());
  }

  /** What the CPU backend lacks is refused with the name of the flag, not ignored. */
  @ParameterizedTest
  @CsvSource({
    "precision, fp16",
    "precision, tf32",
    "device, 1",
    "blas, jcuda",
    "sync-kernels, true",
  })
  void cpuRefuses(String key, String value) {
    BackendChoice choice = BackendChoice.of(settings("backend", "cpu", key, value), Map.of());
    GptException e = assertThrows(GptException.class, () -> choice.open().close());
    assertEquals(Failure.DEVICE, e.failure());
    assertTrue(e.getMessage().startsWith("--" + key), e.getMessage());
  }

  @Test
  void cpuRefusesFp16AndNamesBf16() {
    BackendChoice choice =
        BackendChoice.of(settings("backend", "cpu", "precision", "fp16"), Map.of());
    GptException e = assertThrows(GptException.class, () -> choice.open().close());
    assertEquals(4, e.failure().exitCode());
    assertTrue(e.getMessage().startsWith("--precision fp16: the cpu backend"), e.getMessage());
    assertTrue(e.getMessage().contains("bf16"), e.getMessage());
  }

  @Test
  void unknownBackendIsRefused() {
    GptException e =
        assertThrows(
            GptException.class, () -> BackendChoice.of("abacus", 1, Map.of()).open().close());
    assertEquals(Failure.DEVICE, e.failure());
    assertTrue(e.getMessage().startsWith("--backend abacus"), e.getMessage());
  }

  @Test
  void opensWhatWasAskedFor() {
    try (Backend backend = BackendChoice.of("reference", 1, Map.of()).open()) {
      assertEquals("reference", backend.name());
    }
  }

  @Test
  void settingsAndEnvironmentBecomeOptions() {
    BackendChoice choice =
        BackendChoice.of(
            settings(
                "backend",
                "cuda",
                "device",
                "2",
                "threads",
                "3",
                "blas",
                "jcuda",
                "precision",
                "tf32",
                "sync-kernels",
                "true"),
            Map.of(
                "GPT_CUDA_LIBRARY", "/a/b.so", "CUDA_HOME", "/cuda", "XDG_CACHE_HOME", "/cache"));
    assertEquals("cuda", choice.name());
    assertEquals(Precision.TF32, choice.precision());
    assertEquals(2, choice.options().device());
    assertEquals(3, choice.options().threads());
    assertEquals(Blas.JCUDA, choice.options().blas());
    assertTrue(choice.options().tf32());
    assertTrue(choice.options().syncKernels());
    assertEquals(Optional.of(Path.of("/a/b.so")), choice.options().cudaLibrary());
    assertEquals(Optional.of(Path.of("/cuda")), choice.options().cudaHome());
    assertEquals(Optional.of(Path.of("/cache/gpt-java")), choice.options().cache());
  }

  @Test
  void matrixProductsAreChosenForTheProcessorOnly() {
    BackendChoice choice =
        BackendChoice.of(settings("backend", "cpu", "cpu-matmul", "onednn"), Map.of());
    assertEquals(CpuMatmul.ONEDNN, choice.options().cpuMatmul());
    BackendChoice elsewhere =
        BackendChoice.of(settings("backend", "reference", "cpu-matmul", "onednn"), Map.of());
    GptException e = assertThrows(GptException.class, () -> elsewhere.open().close());
    assertEquals(Failure.DEVICE, e.failure());
    assertTrue(e.getMessage().startsWith("--cpu-matmul onednn is for the CPU"), e.getMessage());
  }

  @Test
  void cachesGoToTheHomeAndNowhereWithoutOne() {
    assertEquals(
        Optional.of(Path.of("/home/a/.cache/gpt-java")),
        BackendChoice.hints(Map.of("HOME", "/home/a")).cache());
    assertEquals(Optional.empty(), BackendChoice.hints(Map.of()).cache());
  }

  @Test
  void emptyVariablesAreNoHints() {
    assertEquals(
        Optional.empty(), BackendChoice.hints(Map.of("GPT_CUDA_LIBRARY", "")).cudaLibrary());
  }

  /** Where pip puts NVIDIA's wheels when an environment is active. */
  @Test
  void pythonEnvironmentsServeAsCudaHome() {
    assertEquals(
        Optional.of(Path.of("/venv")),
        BackendChoice.hints(Map.of("VIRTUAL_ENV", "/venv", "CONDA_PREFIX", "/conda")).cudaHome());
    assertEquals(
        Optional.of(Path.of("/cuda")),
        BackendChoice.hints(Map.of("VIRTUAL_ENV", "/venv", "CUDA_HOME", "/cuda")).cudaHome());
  }
}
