package io.gptjava.train.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunComparisonTest {
  @TempDir Path folder;

  /** Evaluated after every so many steps; losses are level − step / 10. */
  private Path run(String name, int steps, int every, double level) throws IOException {
    Path run = Files.createDirectories(folder.resolve(name));
    StringBuilder log = new StringBuilder();
    for (int i = 0; i < steps; i++) {
      double loss = level - i / 10.0;
      log.append(
          "{\"event\":\"step\",\"step\":%d,\"loss\":%s,\"ms\":%d,\"tokens_per_second\":%d}\n"
              .formatted(i, loss, 10 + i, 100 * (i + 1)));
      if (i % every == 0) {
        log.append(
            "{\"event\":\"eval\",\"step\":%d,\"train_loss\":%s,\"val_loss\":%s}\n"
                .formatted(i, loss, i == 2 ? 1 : loss));
      }
    }
    Files.writeString(run.resolve("metrics.jsonl"), log);
    return run;
  }

  @Test
  void comparesAtEqualStepsAndListsWhatDiffers() throws IOException {
    Path a = run("a", 8, 2, 10);
    Path b = run("b", 5, 1, 9);
    Files.writeString(
        a.resolve("config.json"),
        "{\"lr\":{\"value\":1,\"origin\":\"flag\"},\"out\":{\"value\":\"a\"},\"seed\":{\"value\":3,"
            + "\"origin\":\"default\"}}");
    Files.writeString(
        b.resolve("config.json"),
        "{\"lr\":{\"value\":2,\"origin\":\"preset story\"},\"out\":{\"value\":\"b\"},"
            + "\"steps\":{\"value\":5,\"origin\":\"flag\"},\"seed\":{\"value\":3,\"origin\":\"flag\"}}");
    Files.writeString(a.resolve("environment.json"), "{\"jdk\":\"25\",\"started\":\"1\"}");
    Files.writeString(b.resolve("environment.json"), "{\"jdk\":\"26\",\"started\":\"2\"}");
    RunComparison comparison = RunComparison.of(a, b);
    assertEquals(4, comparison.trainingStep().getAsLong());
    assertEquals(4, comparison.evaluationStep().getAsLong());
    assertEquals(9.6, comparison.a().trainingLoss());
    assertEquals(8.6, comparison.b().trainingLoss());
    assertEquals(9.6, comparison.a().validationLoss());
    assertEquals(1, comparison.a().bestValidationLoss());
    assertEquals(2, comparison.a().bestStep());
    assertEquals(450, comparison.a().tokensPerSecond());
    assertEquals(12, comparison.b().millisecondsPerStep());
    assertEquals(
        List.of("lr", "steps"),
        comparison.configuration().stream().map(RunComparison.Difference::key).toList());
    JsonNode json = comparison.toJson();
    assertEquals("preset story", json.at("/configuration/0/b/origin").asText());
    assertTrue(json.at("/configuration/1/a").isNull());
    assertEquals(
        "[{\"key\":\"jdk\",\"a\":{\"value\":\"25\"},\"b\":{\"value\":\"26\"}}]",
        json.path("environment").toString());
    assertEquals(8, json.at("/a/steps").asInt());
  }

  @Test
  void runsThatShareNothingHaveNothingToCompare() throws IOException {
    Path empty = run("empty", 0, 1, 0);
    RunComparison comparison = RunComparison.of(empty, run("b", 5, 1, 9));
    assertTrue(comparison.trainingStep().isEmpty());
    JsonNode json = comparison.toJson();
    assertTrue(json.path("training_step").isNull());
    assertTrue(json.at("/b/val_loss").isNull());
    assertTrue(json.at("/a/median_tokens_per_second").isNull());
    Path missing = folder.resolve("missing");
    GptException e = assertThrows(GptException.class, () -> RunComparison.of(empty, missing));
    assertEquals(Failure.DATA, e.failure());
  }
}
