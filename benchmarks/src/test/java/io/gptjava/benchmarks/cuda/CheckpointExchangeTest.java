package io.gptjava.benchmarks.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.core.Backend;
import io.gptjava.core.GptConfig;
import io.gptjava.cpu.CpuBackend;
import io.gptjava.cuda.CudaBackend;
import io.gptjava.train.Trainer.Outcome;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.Cadence;
import io.gptjava.train.config.Duration;
import io.gptjava.train.config.KeepConfig;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.config.WatchConfig;
import io.gptjava.train.run.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Supplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run goes on where it stopped, on the other backend. */
class CheckpointExchangeTest {
  private static final int STEPS = 6;
  private static final int HALF = 3;

  @TempDir private Path folder;
  private TrainConfig config;

  /** One event that both ways of training must tell alike. */
  private record Told(String kind, long step, double loss) {}

  @BeforeEach
  void writeText() throws IOException {
    Path text = folder.resolve("text.txt");
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      all.append("The clock struck %d and the keeper counted %d gulls.%n".formatted(i, i * 7));
    }
    Files.writeString(text, all);
    GptConfig model = new GptConfig(50_257, 8, 16, 1, 2, 0.2f, true, true);
    config =
        TrainConfig.of(model, STEPS, text)
            .withBatch(new BatchConfig(3, 8, 2, new Duration(Duration.Unit.STEPS, STEPS)))
            .withWatch(new WatchConfig(Cadence.every(2), 2, Cadence.NEVER, "The", 4, Set.of()))
            .withKeep(new KeepConfig(Cadence.every(HALF), 0, KeepConfig.OnNan.STOP, 0));
  }

  private static Backend cpu() {
    return new CpuBackend(1);
  }

  private static Backend cuda() {
    return new CudaBackend(CudaEmulator.options());
  }

  @Test
  void cpuToCuda() {
    check(CheckpointExchangeTest::cpu, CheckpointExchangeTest::cuda);
  }

  @Test
  void cudaToCpu() {
    check(CheckpointExchangeTest::cuda, CheckpointExchangeTest::cpu);
  }

  private void check(Supplier<Backend> begins, Supplier<Backend> ends) {
    CudaEmulator.options();
    List<Told> whole = new ArrayList<>();
    try (Backend backend = begins.get();
        TrainingRun run =
            TrainingRun.create(backend, config, folder.resolve("out"), listener(whole))) {
      assertEquals(Outcome.FINISHED, run.train());
    }
    List<Told> second = new ArrayList<>();
    try (Backend backend = ends.get();
        TrainingRun run =
            TrainingRun.resume(
                backend,
                config,
                folder.resolve("out"),
                OptionalLong.of(HALF),
                List.of(listener(second)))) {
      assertEquals(HALF, run.trainer().state().step());
      assertEquals(Outcome.FINISHED, run.train());
    }
    List<Told> rest = whole.stream().filter(told -> told.step >= HALF).toList();
    assertEquals(rest.size(), second.size());
    for (int i = 0; i < rest.size(); i++) {
      Told want = rest.get(i);
      Told have = second.get(i);
      assertEquals(want.kind + want.step, have.kind + have.step);
      assertEquals(want.loss, have.loss, STEPS * 0x1p-23 * want.loss, want::toString);
    }
  }

  private static TrainingListener listener(List<Told> told) {
    return event -> {
      switch (event) {
        case TrainingEvent.Step step -> told.add(new Told("step", step.step(), step.loss()));
        case TrainingEvent.Evaluated e ->
            told.add(new Told("evaluation", e.step(), e.validationLoss()));
        default -> {}
      }
    };
  }
}
