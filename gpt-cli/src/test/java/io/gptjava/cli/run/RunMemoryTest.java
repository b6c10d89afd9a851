package io.gptjava.cli.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.cli.config.FlagOptions;
import io.gptjava.cli.config.Layer;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.SettingsResolver;
import io.gptjava.cli.config.TrainConfigs;
import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.model.ModelSize;
import io.gptjava.train.run.MemoryForecast;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/** What does not fit is refused with flags with which it does. */
final class RunMemoryTest {
  private static final double GIB = 1L << 30;

  private Backend backend;

  @BeforeEach
  void open() {
    backend = Backends.open("cpu", BackendOptions.DEFAULT);
  }

  @AfterEach
  void close() {
    backend.close();
  }

  private static ResolvedSettings settings(String flags) {
    CommandSpec spec = CommandSpec.create();
    FlagOptions.addTo(spec);
    CommandLine line = new CommandLine(spec);
    return SettingsResolver.resolve(
        FlagOptions.layer(line.parseArgs(flags.split(" "))), Optional.empty(), Map.of());
  }

  private static TrainConfig config(ResolvedSettings settings) {
    return TrainConfigs.from(
        settings,
        path -> {
          throw new AssertionError("no weights are wanted");
        });
  }

  /** So much for tensors, and what the program takes. */
  private long available(double gib) {
    return (long) (gib * GIB) + RunMemory.program(backend);
  }

  private String refusal(String flags, double gib) {
    ResolvedSettings settings = settings(flags);
    GptException e =
        assertThrows(
            GptException.class,
            () -> RunMemory.require(backend, settings, config(settings), available(gib)));
    assertEquals(Failure.CAPACITY, e.failure());
    assertEquals(2, e.getMessage().lines().count(), e.getMessage());
    return e.getMessage();
  }

  @ParameterizedTest
  @CsvSource({
    "--preset gpt2-124m, 5, '--batch-size 4 (', '--recompute block ('",
    "--preset gpt2-124m --batch-size 6 --accumulate 2, 4.2, '--batch-size 3 --accumulate 4 ('"
        + ", '--recompute block ('",
    "--preset gpt2-124m --batch-size 1, 2.3, '--recompute block (', ''",
    "--preset gpt2-355m --batch-size 1, 5.7, '--sequence-length 512 (', ''",
    "--preset gpt2-1558m, 22.5, '--preset gpt2-774m --batch-size 1 (', ''",
    "--preset gpt2-124m --layers 40, 2.5, '--layers ', ''",
    "--preset textbook --batch-size 64 --accumulate 1, 6, '--batch-size ', '--recompute block ('",
  })
  void whatItNamesFits(String flags, double gib, String first, String second) {
    String message = refusal(flags, gib);
    assertTrue(message.contains(first), message);
    assertTrue(message.contains(second), message);
    String advice = message.lines().skip(1).findFirst().orElseThrow();
    Matcher matcher = Pattern.compile("((?:--[a-z-]+ \\S+ )+)\\(").matcher(advice);
    List<String> named = new ArrayList<>();
    while (matcher.find()) {
      named.add(matcher.group(1).strip());
    }
    assertFalse(named.isEmpty(), advice);
    for (String suggestion : named) {
      ResolvedSettings asked = settings(flags);
      ResolvedSettings changed =
          SettingsResolver.resolve(layer(flags, suggestion), Optional.empty(), Map.of());
      TrainConfig config = config(changed);
      long bytes = MemoryForecast.bytes(backend.ops(), ModelSize.of(config));
      assertTrue(bytes <= gib * GIB, suggestion + " takes " + bytes);
      if (!suggestion.contains("--preset")
          && !suggestion.contains("--sequence-length")
          && !suggestion.contains("--layers")) {
        assertEquals(sequences(config(asked)), sequences(config), suggestion);
      }
    }
  }

  private static int sequences(TrainConfig config) {
    return config.batch().batchSize() * config.batch().accumulate();
  }

  /** Flags with others that replace those of the same name. */
  private static Layer layer(String flags, String others) {
    CommandSpec spec = CommandSpec.create();
    FlagOptions.addTo(spec);
    CommandLine line = new CommandLine(spec).setOverwrittenOptionsAllowed(true);
    return FlagOptions.layer(line.parseArgs((flags + " " + others).split(" ")));
  }

  @ParameterizedTest
  @CsvSource({"gpt2-124m, 2.9", "gpt2-355m, 7.3", "gpt2-774m, 15.1", "gpt2-1558m, 29"})
  void everySizeConstructsAndPlans(String preset, double mostGib) {
    ResolvedSettings settings = settings("--preset " + preset + " --batch-size 1");
    TrainConfig config = config(settings);
    long bytes = MemoryForecast.bytes(backend.ops(), ModelSize.of(config));
    long states = 16 * config.model().parameterCount();
    assertTrue(bytes > states, "fp32 weights, gradients and moments are more");
    assertTrue(bytes < mostGib * GIB, "%.2f GiB".formatted(bytes / GIB));
  }

  /** 10⁷ windows: hundreds of GiB. */
  @Test
  void aBenchmarkIsToldItsLargestBatch() {
    TrainConfig config =
        config(
            settings("--layers 1 --heads 1 --width 32 --sequence-length 16 --batch-size 10000000"));
    GptException e =
        assertThrows(GptException.class, () -> RunMemory.requireForBenchmark(backend, config));
    assertEquals(Failure.CAPACITY, e.failure());
    assertTrue(e.getMessage().matches("(?s).*it fits with --batch-size \\d+"), e.getMessage());
  }

  @Test
  void whatFitsIsNotRefused() {
    ResolvedSettings settings = settings("--preset gpt2-124m --batch-size 1");
    RunMemory.require(backend, settings, config(settings), available(3));
  }
}
