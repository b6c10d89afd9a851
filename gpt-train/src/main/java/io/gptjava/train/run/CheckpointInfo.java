package io.gptjava.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.LossScale;
import io.gptjava.core.Philox;
import io.gptjava.train.GuardState;
import io.gptjava.train.TrainerState;
import java.nio.file.Path;

/**
 * What {@code trainer.json} of a checkpoint holds besides tensors.
 *
 * @param state where the run stands; its step is the checkpoint's number
 * @param seed of every random stream
 * @param totalSteps of the schedule
 * @param warmupSteps of the schedule
 * @param validationLoss of the checkpoint's own weights; NaN if the run does not evaluate
 * @param fingerprint of the configuration ({@link ConfigFingerprint}): a run continues bit for bit
 *     only under the same
 */
public record CheckpointInfo(
    TrainerState state,
    long seed,
    long totalSteps,
    long warmupSteps,
    double validationLoss,
    String fingerprint) {
  static final String FILE = "trainer.json";

  private static final int VERSION = 1;

  ObjectNode toJson() {
    ObjectNode node = Json.object();
    node.put("version", VERSION);
    node.put("step", state.step());
    node.put("epoch", state.epoch());
    node.put("batch", state.batch());
    node.put("tokens", state.tokens());
    node.put("updates", state.updates());
    Json.putFinite(node, "best_loss", state.bestLoss());
    node.put("best_step", state.bestStep());
    node.put("evaluations_without_improvement", state.evaluationsWithoutImprovement());
    Json.putFinite(node, "validation_loss", validationLoss);
    node.putObject("schedule").put("total_steps", totalSteps).put("warmup_steps", warmupSteps);
    node.putObject("scaler")
        .put("scale", (double) state.lossScale().value())
        .put("growth_tracker", state.lossScale().goodSteps());
    if (!state.guard().equals(GuardState.EMPTY)) {
      node.set("guard", GuardJson.write(state.guard()));
    }
    node.putObject("random")
        .put("generator", "philox4x32-10")
        .put("layout", Philox.LAYOUT_VERSION)
        .put("seed", seed);
    return node.put("config_fingerprint", fingerprint);
  }

  /** Checkpoints from before there was fp16 have no scaler; their runs never needed one. */
  private static LossScale lossScale(JsonNode scaler) {
    return scaler.isMissingNode()
        ? LossScale.INITIAL
        : new LossScale(
            (float) scaler.path("scale").asDouble(), scaler.path("growth_tracker").asInt());
  }

  static CheckpointInfo read(Path folder) {
    Path file = folder.resolve(FILE);
    JsonNode node = RunFolder.readJson(file);
    if (node.path("version").asInt() != VERSION) {
      throw new GptException(
          Failure.CHECKPOINT,
          "%s has the version %s, this program reads %d; use the program that wrote it"
              .formatted(file, node.path("version"), VERSION));
    }
    int layout = node.path("random").path("layout").asInt();
    if (layout != Philox.LAYOUT_VERSION) {
      throw new GptException(
          Failure.CHECKPOINT,
          "%s was written with random streams of layout %d, this program has %d: the run cannot continue bit for bit; start a new one with --init-from %s"
              .formatted(file, layout, Philox.LAYOUT_VERSION, folder));
    }
    return new CheckpointInfo(
        new TrainerState(
            node.path("step").asLong(),
            node.path("epoch").asInt(),
            node.path("batch").asInt(),
            node.path("tokens").asLong(),
            node.path("updates").asLong(),
            Json.number(node, "best_loss"),
            node.path("best_step").asLong(),
            node.path("evaluations_without_improvement").asInt(),
            lossScale(node.path("scaler")),
            GuardJson.read(node.path("guard"))),
        node.path("random").path("seed").asLong(),
        node.path("schedule").path("total_steps").asLong(),
        node.path("schedule").path("warmup_steps").asLong(),
        Json.number(node, "validation_loss"),
        node.path("config_fingerprint").asText());
  }
}
