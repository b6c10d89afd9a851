package io.gptjava.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Memory;
import io.gptjava.core.Ops;
import io.gptjava.core.Precision;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.Duration;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.model.ModelSize;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The forecast against what whole runs ask of their backend. */
class MemoryForecastTest {
  @TempDir private Path folder;

  /** Counts the bytes that are allocated on a backend. */
  private static Backend counting(Backend backend, AtomicLong bytes) {
    return (Backend)
        Proxy.newProxyInstance(
            Backend.class.getClassLoader(),
            new Class<?>[] {Backend.class},
            (proxy, method, arguments) -> {
              Object result = method.invoke(backend, arguments);
              if (method.getName().equals("allocate")) {
                bytes.addAndGet(((Memory) result).byteSize());
              }
              return result;
            });
  }

  @ParameterizedTest
  @CsvSource({
    "cpu, 1, 8, 1, 32, NONE, FP32",
    "cpu, 4, 16, 3, 32, NONE, FP32",
    "cpu, 4, 16, 3, 32, GELU, FP32",
    "cpu, 4, 16, 3, 32, BLOCK, FP32",
    "cpu, 16, 64, 4, 64, NONE, FP32",
    "cpu, 16, 64, 4, 64, BLOCK, FP32",
    "cpu, 16, 64, 4, 64, NONE, BF16",
    "cpu, 4, 16, 3, 32, BLOCK, BF16",
    "reference, 2, 8, 2, 16, NONE, FP32",
    "reference, 2, 8, 2, 16, BLOCK, FP32",
  })
  void runsAllocateWhatIsForecast(
      String name,
      int batch,
      int sequence,
      int layers,
      int width,
      Recompute recompute,
      Precision precision)
      throws IOException {
    Path text = folder.resolve("text.txt");
    Files.writeString(text, "The keeper climbed the stairs and lit the lamp at dusk. ".repeat(130));
    GptConfig model = new GptConfig(50_257, sequence, width, layers, 2, 0.1f, true, false);
    TrainConfig config =
        TrainConfig.of(model, 2, text)
            .withBatch(new BatchConfig(batch, sequence, 2, new Duration(Duration.Unit.STEPS, 1)))
            .withPrecision(precision)
            .withRecompute(recompute);
    BackendOptions options = BackendOptions.DEFAULT.withCache(Path.of("target", "cache"));
    AtomicLong allocated = new AtomicLong();
    try (Backend backend = Backends.open(name, options.withThreads(2));
        TrainingRun run =
            TrainingRun.create(counting(backend, allocated), config, folder.resolve("run"))) {
      run.train();
      long forecast = MemoryForecast.bytes(backend.ops(), ModelSize.of(config));
      assertEquals(allocated.get(), forecast, 0.03 * allocated.get());
    }
  }

  @ParameterizedTest
  @EnumSource(Recompute.class)
  void theLargestBatchFitsAndTheNextDoesNot(Recompute recompute) {
    GptConfig model = new GptConfig(503, 32, 48, 3, 3, 0, true, true);
    ModelSize size = new ModelSize(model, Precision.FP32, recompute, 5, 32, true);
    try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT)) {
      Ops ops = backend.ops();
      long least = MemoryForecast.bytes(ops, size.withBatch(1));
      assertEquals(OptionalInt.empty(), MemoryForecast.largestBatch(ops, size, least - 1));
      assertEquals(OptionalInt.of(1), MemoryForecast.largestBatch(ops, size, least));
      long capacity = 40L << 20;
      int batch = MemoryForecast.largestBatch(ops, size, capacity).orElseThrow();
      assertTrue(batch > 10, "batch " + batch);
      assertTrue(MemoryForecast.bytes(ops, size.withBatch(batch)) <= capacity);
      assertTrue(MemoryForecast.bytes(ops, size.withBatch(batch + 1)) > capacity);
    }
  }

  @ParameterizedTest
  @EnumSource(Recompute.class)
  void layersAddUpToTheModel(Recompute recompute) {
    GptConfig model = new GptConfig(503, 32, 48, 3, 3, 0, true, false);
    ModelSize size = new ModelSize(model, Precision.BF16, recompute, 5, 32, true);
    try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT)) {
      MemoryByLayer layers = MemoryByLayer.of(backend.ops(), size);
      long sampling =
          MemoryForecast.ledger(backend.ops(), size).entries().stream()
              .filter(entry -> entry.role().equals("sampling"))
              .mapToLong(MemoryLedger.Entry::bytes)
              .sum();
      assertTrue(sampling > 0);
      assertEquals(MemoryForecast.bytes(backend.ops(), size) - sampling, layers.totalBytes());
      assertEquals(3 + 3, layers.parts().size());
      for (MemoryByLayer.Part part : layers.parts()) {
        part.bytes().values().forEach(bytes -> assertTrue(bytes >= 0, part.toString()));
      }
    }
  }

  @Test
  void equalBlocksShareALine() {
    GptConfig model = new GptConfig(503, 32, 48, 3, 3, 0, true, false);
    ModelSize size = new ModelSize(model, Precision.FP32, Recompute.NONE, 2, 32, true);
    try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT)) {
      String table = MemoryByLayer.of(backend.ops(), size).table();
      assertTrue(table.contains("  h.0 … h.2, each"), table);
      assertEquals(4, table.lines().count(), table); // heading, embedding, blocks, rest
    }
  }
}
