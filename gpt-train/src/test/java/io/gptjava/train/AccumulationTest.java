package io.gptjava.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.GptConfig;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.DataConfig;
import io.gptjava.train.config.Duration;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.data.WindowLoader;
import io.gptjava.train.run.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * However a step's eight sequences are split into micro-batches, it is the same step: same windows,
 * same dropout, same mean over its targets. The data's last step of an epoch is not full.
 */
class AccumulationTest {
  private static final int STEPS = 20;
  private static final int SEQUENCES = 8;
  private static final int SEQUENCE = 8;

  @TempDir private Path folder;
  private Path text;

  @BeforeEach
  void write() throws IOException {
    text = folder.resolve("text.txt");
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < 26; i++) {
      all.append("On day %d the keeper counted %d gulls over the wall.%n".formatted(i, i * i));
    }
    Files.writeString(text, all);
  }

  private List<TrainingEvent.Step> train(int batch, int accumulate, Recompute recompute) {
    GptConfig model = new GptConfig(50_257, SEQUENCE, 16, 2, 2, 0.1f, true, true);
    Duration duration = new Duration(Duration.Unit.STEPS, STEPS);
    TrainConfig config =
        TrainConfig.of(model, STEPS, text)
            .withData(new DataConfig(List.of(text), List.of(), 0.9, 0, 1, true, false))
            .withBatch(new BatchConfig(batch, SEQUENCE, accumulate, duration))
            .withRecompute(recompute);
    List<TrainingEvent.Step> steps = new ArrayList<>();
    TrainingListener listener =
        event -> {
          if (event instanceof TrainingEvent.Step step) {
            steps.add(step);
          }
        };
    Path out = folder.resolve("run-%d-%s".formatted(batch, recompute));
    try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(2));
        TrainingRun run = TrainingRun.create(backend, config, out, listener)) {
      run.train();
      assertNotEquals(
          0,
          ((WindowLoader) run.data().training()).windows() % SEQUENCES,
          "the last step of an epoch is not full");
    }
    return steps;
  }

  @Test
  void anySplitOfAStepIsTheSameStep() {
    List<TrainingEvent.Step> whole = train(8, 1, Recompute.NONE);
    assertEquals(STEPS, whole.size());
    assertTrue(whole.getLast().epoch() > 1, "more than one epoch");
    assertSame(whole, train(2, 4, Recompute.NONE));
    assertSame(whole, train(1, 8, Recompute.NONE));
    assertSame(whole, train(2, 4, Recompute.BLOCK));
  }

  private static void assertSame(List<TrainingEvent.Step> whole, List<TrainingEvent.Step> split) {
    assertEquals(whole.size(), split.size());
    for (int i = 0; i < whole.size(); i++) {
      double loss = whole.get(i).loss();
      double norm = whole.get(i).gradientNorm();
      assertEquals(loss, split.get(i).loss(), 1e-5 * loss, "loss of step " + i);
      assertEquals(norm, split.get(i).gradientNorm(), 1e-4 * norm, "norm of step " + i);
      assertEquals(whole.get(i).tokens(), split.get(i).tokens(), "tokens of step " + i);
      assertEquals(whole.get(i).epoch(), split.get(i).epoch(), "epoch of step " + i);
    }
  }
}
