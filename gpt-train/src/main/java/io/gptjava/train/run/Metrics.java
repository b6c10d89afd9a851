package io.gptjava.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.train.TrainingEvent;
import java.nio.file.Path;
import java.util.Optional;

/** {@link TrainingEvent}s as objects of {@code metrics.jsonl}, and back. */
public final class Metrics {
  private Metrics() {}

  /** The object for an event; empty for events that the log leaves out. */
  public static Optional<ObjectNode> encode(TrainingEvent event) {
    return Optional.ofNullable(
        switch (event) {
          case TrainingEvent.Started e -> started(e);
          case TrainingEvent.Step e -> step(e);
          case TrainingEvent.Evaluated e -> evaluated(e);
          case TrainingEvent.Sampled e -> at("sample", e.step(), e.epoch()).put("text", e.text());
          case TrainingEvent.Saved e ->
              Json.putFinite(
                  at("checkpoint", e.step(), e.epoch())
                      .put("folder", "checkpoints/" + e.folder().getFileName()),
                  "ms",
                  e.milliseconds());
          case TrainingEvent.LossScaled e ->
              object("loss_scale")
                  .put("step", e.step())
                  .put("scale", (double) e.scale())
                  .put("skipped", e.skipped());
          case TrainingEvent.Warning e ->
              object("warning").put("step", e.step()).put("message", e.message());
          case TrainingEvent.Ended e -> ended(e);
          case TrainingEvent.EpochEnded _ -> null;
        });
  }

  private static ObjectNode object(String event) {
    return Json.object().put("event", event);
  }

  private static ObjectNode at(String event, long step, int epoch) {
    return object(event).put("step", step).put("epoch", epoch);
  }

  private static ObjectNode started(TrainingEvent.Started e) {
    ObjectNode node = object("run");
    if (e.resumedFrom() < 0) {
      node.putNull("resumed_from");
    } else {
      node.put("resumed_from", e.resumedFrom());
    }
    return node.put("total_steps", e.totalSteps())
        .put("steps_per_epoch", e.stepsPerEpoch())
        .put("batches_per_epoch", e.batchesPerEpoch())
        .put("validation_batches", e.validationBatches())
        .put("parameters", e.parameters())
        .put("device", e.device());
  }

  private static ObjectNode step(TrainingEvent.Step e) {
    ObjectNode node = at("step", e.step(), e.epoch());
    Json.putFinite(node, "loss", e.loss());
    Json.putFinite(node, "lr", e.learningRate());
    Json.putFinite(node, "grad_norm", e.gradientNorm());
    node.put("tokens", e.tokens());
    Json.putFinite(node, "ms", e.milliseconds());
    Json.putFinite(node, "tokens_per_second", e.tokensPerSecond());
    return e.skipped() ? node.put("skipped", true) : node;
  }

  private static ObjectNode evaluated(TrainingEvent.Evaluated e) {
    ObjectNode node = at("eval", e.step(), e.epoch());
    Json.putFinite(node, "train_loss", e.trainLoss());
    Json.putFinite(node, "val_loss", e.validationLoss());
    return node.put("tokens", e.tokens());
  }

  private static ObjectNode ended(TrainingEvent.Ended e) {
    ObjectNode node = object("end").put("step", e.step()).put("reason", e.reason());
    return Json.putFinite(node.put("tokens", e.tokens()), "seconds", e.seconds());
  }

  /**
   * The event that an object tells of. What the log leaves out comes back as 0 or NaN.
   *
   * @param stepsPerEpoch from the run's event, to place a step in its epoch; 0 if unknown
   * @return empty for an event of another version of the log
   */
  static Optional<TrainingEvent> decode(JsonNode node, Path run, long stepsPerEpoch) {
    long step = node.path("step").asLong();
    int epoch = node.path("epoch").asInt();
    long tokens = node.path("tokens").asLong();
    return Optional.ofNullable(
        switch (node.path("event").asText()) {
          case "run" ->
              new TrainingEvent.Started(
                  node.path("resumed_from").asLong(-1),
                  node.path("total_steps").asLong(),
                  node.path("steps_per_epoch").asLong(),
                  node.path("batches_per_epoch").asLong(),
                  node.path("validation_batches").asLong(),
                  node.path("parameters").asLong(),
                  node.path("device").asText());
          case "step" ->
              new TrainingEvent.Step(
                  step,
                  epoch,
                  stepsPerEpoch == 0 ? 0 : step % stepsPerEpoch,
                  Json.number(node, "loss"),
                  Json.number(node, "lr"),
                  Json.number(node, "grad_norm"),
                  node.path("skipped").asBoolean(),
                  tokens,
                  Json.number(node, "ms"),
                  Json.number(node, "tokens_per_second"));
          case "eval" ->
              new TrainingEvent.Evaluated(
                  step,
                  epoch,
                  Json.number(node, "train_loss"),
                  Json.number(node, "val_loss"),
                  tokens,
                  Double.NaN);
          case "sample" -> new TrainingEvent.Sampled(step, epoch, node.path("text").asText());
          case "checkpoint" ->
              new TrainingEvent.Saved(
                  step, epoch, run.resolve(node.path("folder").asText()), Json.number(node, "ms"));
          case "loss_scale" ->
              new TrainingEvent.LossScaled(
                  step, (float) node.path("scale").asDouble(), node.path("skipped").asBoolean());
          case "warning" -> new TrainingEvent.Warning(step, node.path("message").asText());
          case "end" ->
              new TrainingEvent.Ended(
                  step, node.path("reason").asText(), tokens, Json.number(node, "seconds"));
          default -> null;
        });
  }
}
