package io.gptjava.cli.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.cli.config.Presets;
import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.GptConfig;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.Duration;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.model.ModelSize;
import io.gptjava.train.run.MemoryForecast;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The micro-batch that a run gets which only says how many tokens a step has. */
final class AutomaticBatchTest {
  private Backend host;
  private Backend device;

  /** The same ops on a device that says how much memory it has left. */
  @BeforeEach
  void open() {
    host = Backends.open("cpu", BackendOptions.DEFAULT);
    device =
        (Backend)
            Proxy.newProxyInstance(
                Backend.class.getClassLoader(),
                new Class<?>[] {Backend.class},
                (_, method, arguments) ->
                    method.getName().equals("availableBytes")
                        ? OptionalLong.of(1)
                        : method.invoke(host, arguments));
  }

  @AfterEach
  void close() {
    host.close();
  }

  private static TrainConfig config(int sequences) {
    GptConfig model = Presets.model("gpt2-124m");
    Duration duration = new Duration(Duration.Unit.STEPS, 1);
    return TrainConfig.of(model, 1, Path.of("none.txt"))
        .withBatch(new BatchConfig(1, 1024, sequences, duration));
  }

  private long bytes(int batch) {
    return MemoryForecast.bytes(host.ops(), ModelSize.of(config(1)).withBatch(batch));
  }

  /** Enough for eleven in all but a twentieth of the memory. */
  @ParameterizedTest
  @CsvSource({"512, 8", "24, 8", "22, 11", "13, 1", "9, 9", "4, 4"})
  void theLargestThatDividesAndFits(int sequences, int expected) {
    long available = (long) (bytes(11) / 0.95) + 1024;
    AutomaticBatch batch = AutomaticBatch.choose(device, config(sequences), available);
    assertEquals(expected, batch.batchSize());
    assertEquals(sequences, batch.batchSize() * batch.accumulate());
    String reason = sequences == expected ? "the whole step" : "the most that fits into ";
    assertTrue(batch.toString().contains(reason), batch.toString());
  }

  @Test
  void aCpuGetsNoMoreThanItsProductsProfitFrom() {
    AutomaticBatch batch = AutomaticBatch.choose(host, config(512), 1L << 40);
    assertEquals(1, batch.batchSize());
    assertTrue(batch.toString().endsWith("(more does not make a CPU faster)"), batch.toString());
  }

  /** Then the run is refused, with advice. */
  @Test
  void whereNothingFitsItIsOne() {
    assertEquals(1, AutomaticBatch.choose(device, config(8), bytes(1) / 2).batchSize());
  }

  @Test
  void theRunHasTheseMicroBatches() {
    AutomaticBatch batch = new AutomaticBatch(4, 1024, 128, "a test");
    BatchConfig applied = batch.applied(config(512)).batch();
    assertEquals(4, applied.batchSize());
    assertEquals(128, applied.accumulate());
  }
}
