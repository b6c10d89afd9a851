package io.gptjava.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.GptException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What {@code trainer.json} of a run says about it.
 *
 * @param status {@code running}, {@code finished}, {@code stopped}, {@code no improvement} or
 *     {@code diverged}
 * @param totalSteps optimizer steps of the whole run
 * @param lastCheckpoint newest checkpoint, by its number
 * @param bestCheckpoint the checkpoint with the lowest validation loss
 * @param bestLoss that loss; NaN if there is none
 */
public record RunState(
    String status,
    long totalSteps,
    OptionalLong lastCheckpoint,
    OptionalLong bestCheckpoint,
    double bestLoss) {
  static final String FILE = "trainer.json";

  /** Whether the run reached its last step or stopped by itself for want of improvement. */
  public boolean finished() {
    return status.equals("finished") || status.equals("no improvement");
  }

  ObjectNode toJson() {
    ObjectNode node = Json.object();
    node.put("status", status);
    node.put("total_steps", totalSteps);
    put(node, "last_checkpoint", lastCheckpoint);
    put(node, "best_checkpoint", bestCheckpoint);
    return Json.putFinite(node, "best_loss", bestLoss);
  }

  private static void put(ObjectNode node, String key, OptionalLong number) {
    if (number.isPresent()) {
      node.put(key, "checkpoints/" + Checkpoints.folderName(number.getAsLong()));
    } else {
      node.putNull(key);
    }
  }

  /**
   * Reads it, without the run's lock.
   *
   * @return empty if the run stopped before its first checkpoint
   */
  public static Optional<RunState> read(Path run) {
    Path file = run.resolve(FILE);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    JsonNode node;
    try {
      node = RunFolder.readJson(file);
    } catch (GptException e) {
      throw new GptException(
          e.failure(),
          e.getMessage() + "\nDelete it: the checkpoints hold all that gpt resume needs",
          e);
    }
    return Optional.of(
        new RunState(
            node.path("status").asText("running"),
            node.path("total_steps").asLong(),
            checkpoint(node, "last_checkpoint"),
            checkpoint(node, "best_checkpoint"),
            Json.number(node, "best_loss")));
  }

  private static OptionalLong checkpoint(JsonNode node, String key) {
    return Checkpoints.number(Path.of(node.path(key).asText("")).getFileName().toString());
  }
}
