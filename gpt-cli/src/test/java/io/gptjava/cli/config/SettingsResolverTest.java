package io.gptjava.cli.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SettingsResolverTest {
  @TempDir private Path folder;

  private static Layer flags(String... keysAndValues) {
    Layer layer = new Layer();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      Setting setting = Settings.ALL.get(keysAndValues[i]);
      layer.put(setting, List.of(keysAndValues[i + 1]), setting.flag(), "flag");
    }
    return layer;
  }

  private Optional<Path> file(String... lines) throws IOException {
    return Optional.of(Files.write(folder.resolve("run.yaml"), List.of(lines)));
  }

  private static ResolvedSettings resolve(Layer flags) {
    return SettingsResolver.resolve(flags, Optional.empty(), Map.of());
  }

  private static String usageError(org.junit.jupiter.api.function.Executable action) {
    GptException e = assertThrows(GptException.class, action);
    assertEquals(Failure.USAGE, e.failure());
    return e.getMessage();
  }

  @Test
  void laterLayersWinAndOriginsAreRecorded() throws IOException {
    ResolvedSettings settings =
        SettingsResolver.resolve(
            flags("lr", "0.5"),
            file("lr: 0.1", "batch-size: 3", "heads: 2"),
            Map.of("GPT_LR", "0.2", "GPT_BATCH_SIZE", "4", "PATH", "/bin"));
    assertEquals(0.5, settings.number("lr"));
    assertEquals(4, settings.integer("batch-size"));
    assertEquals(2, settings.integer("heads"));
    Map<String, ResolvedSettings.Recorded> recorded = settings.recorded();
    assertEquals("flag", recorded.get("lr").origin());
    assertEquals("environment GPT_BATCH_SIZE", recorded.get("batch-size").origin());
    assertEquals("file " + folder.resolve("run.yaml"), recorded.get("heads").origin());
    assertEquals("preset story", recorded.get("width").origin());
    assertEquals("default", recorded.get("beta1").origin());
  }

  @Test
  void presetMayComeFromAnyLayer() throws IOException {
    assertEquals(3, resolve(flags()).integer("layers"));
    assertEquals(12, resolve(flags("preset", "textbook")).integer("layers"));
    assertEquals(
        48,
        SettingsResolver.resolve(flags(), Optional.empty(), Map.of("GPT_PRESET", "gpt2-1558m"))
            .integer("layers"));
    assertEquals(
        12,
        SettingsResolver.resolve(
                flags("preset", "textbook"),
                file("preset: gpt2-355m"),
                Map.of("GPT_PRESET", "gpt2-1558m"))
            .integer("layers"));
  }

  @Test
  void strongerDurationDropsThePresets() {
    ResolvedSettings settings = resolve(flags("steps", "10"));
    assertFalse(settings.has("epochs"));
    assertEquals(10, settings.integer("steps"));
    ResolvedSettings tokens = resolve(flags("preset", "gpt2-124m", "epochs", "2"));
    assertFalse(tokens.has("tokens"));
    assertTrue(resolve(flags("preset", "gpt2-124m")).has("tokens"));
  }

  @Test
  void flagOverridesTheFilesDurationOfAnotherUnit() throws IOException {
    ResolvedSettings settings =
        SettingsResolver.resolve(flags("epochs", "3"), file("steps: 7"), Map.of());
    assertEquals(3, settings.integer("epochs"));
    assertFalse(settings.has("steps"));
  }

  @Test
  void twoDurationsInOneLayerContradict() {
    String message = usageError(() -> resolve(flags("steps", "10", "epochs", "2")));
    assertTrue(message.contains("--epochs and --steps contradict"), message);
  }

  @Test
  void accumulateReplacesTotalBatchTokens() {
    ResolvedSettings settings = resolve(flags("preset", "gpt2-124m", "accumulate", "2"));
    assertFalse(settings.has("total-batch-tokens"));
    assertEquals(2, settings.integer("accumulate"));
  }

  @Test
  void initFromDropsThePresetsShape() {
    ResolvedSettings settings = resolve(flags("preset", "textbook", "init-from", "gpt2"));
    assertFalse(settings.has("layers"));
    assertFalse(settings.has("qkv-bias"));
    assertFalse(settings.has("initialization"));
    assertTrue(settings.has("dropout"));
  }

  @Test
  void lowerPeakDropsThePresetsHigherFloor() {
    ResolvedSettings settings = resolve(flags("preset", "gpt2-124m", "lr", "1e-5"));
    assertEquals(0, settings.number("min-lr"));
    assertEquals(6e-5, resolve(flags("preset", "gpt2-124m", "lr", "1e-3")).number("min-lr"));
  }

  @Test
  void unknownVariableIsAnErrorWithASuggestion() {
    String message =
        usageError(
            () ->
                SettingsResolver.resolve(flags(), Optional.empty(), Map.of("GPT_BATCHSIZE", "4")));
    assertTrue(message.contains("GPT_BATCHSIZE"), message);
    assertTrue(message.contains("did you mean GPT_BATCH_SIZE"), message);
  }

  @Test
  void threeVariablesAreNotSettings() {
    SettingsResolver.resolve(
        flags(),
        Optional.empty(),
        Map.of("GPT_JAVA_HOME", "x", "GPT_CUDA_LIBRARY", "y", "GPT_TEST_DATA", "z"));
  }

  @Test
  void pathsFromTheEnvironmentSplitAtTheSystemsSeparator() {
    ResolvedSettings settings =
        SettingsResolver.resolve(
            flags(), Optional.empty(), Map.of("GPT_DATA", "a" + File.pathSeparator + "b"));
    assertEquals(List.of(Path.of("a"), Path.of("b")), settings.paths("data"));
  }

  @Test
  void fileErrorsNameFileAndKey() throws IOException {
    Optional<Path> unknown = file("batchsize: 3");
    String message = usageError(() -> SettingsResolver.resolve(flags(), unknown, Map.of()));
    assertTrue(message.contains("run.yaml: unknown key batchsize"), message);
    assertTrue(message.contains("did you mean batch-size"), message);

    Optional<Path> bad = file("lr: fast");
    message = usageError(() -> SettingsResolver.resolve(flags(), bad, Map.of()));
    assertTrue(message.contains("run.yaml: lr fast is not a number"), message);

    Optional<Path> twice = file("lr: 1", "lr: 2");
    message = usageError(() -> SettingsResolver.resolve(flags(), twice, Map.of()));
    assertTrue(message.contains("not valid YAML"), message);

    Optional<Path> missing = Optional.of(folder.resolve("none.yaml"));
    message = usageError(() -> SettingsResolver.resolve(flags(), missing, Map.of()));
    assertTrue(message.contains("there is no such file"), message);
  }

  @Test
  void fileTakesListsBooleansAndExponents() throws IOException {
    ResolvedSettings settings =
        SettingsResolver.resolve(
            flags(),
            file(
                "data: [a.txt, b.txt]",
                "eval-every: [5, epoch]",
                "shuffle: no",
                "lr: 3e-4",
                "spike-guard: off"),
            Map.of());
    assertEquals(List.of(Path.of("a.txt"), Path.of("b.txt")), settings.paths("data"));
    assertEquals(5, settings.cadence("eval-every").steps());
    assertTrue(settings.cadence("eval-every").epoch());
    assertFalse(settings.flag("shuffle"));
    assertEquals(3e-4, settings.number("lr"));
    assertEquals("off", settings.text("spike-guard"));
  }

  @Test
  void listedPresetsAreConfigFilesThatChangeNothing() throws IOException {
    for (String document : Presets.list().split("\n\n")) {
      String name =
          document.lines().filter(line -> line.startsWith("preset: ")).findFirst().orElseThrow();
      ResolvedSettings preset = SettingsResolver.ofPreset(name.substring("preset: ".length()));
      ResolvedSettings copied =
          SettingsResolver.resolve(
              flags(), file(document.lines().toArray(String[]::new)), Map.of());
      for (String key : preset.keys()) {
        assertEquals(preset.text(key), copied.text(key), name + " " + key);
      }
    }
  }
}
