package io.gptjava.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.train.Decision;
import io.gptjava.train.RunSummary;
import io.gptjava.train.TrainingEvent;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/** Objects of {@code metrics.jsonl}, as {@link Metrics} writes them, as events. */
final class MetricsReader {
  private MetricsReader() {}

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
                  node.path("device").asText(),
                  Json.number(node, "flops_per_token"),
                  Json.number(node, "datasheet_flops"));
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
                  Json.number(node, "tokens_per_second"),
                  Optional.ofNullable(node.get("gpu")).map(ReadingsJson::read));
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
          case "warning" ->
              new TrainingEvent.Warning(step, node.path("message").asText(), decision(node));
          case "end" ->
              new TrainingEvent.Ended(
                  step,
                  node.path("reason").asText(),
                  tokens,
                  Json.number(node, "seconds"),
                  summary(node));
          default -> null;
        });
  }

  private static Optional<Decision> decision(JsonNode node) {
    return node.has("kind")
        ? Optional.of(
            new Decision(
                node.path("kind").asText(),
                node.path("batch").asText(),
                Json.number(node, "value"),
                Json.number(node, "deviations"),
                Json.number(node, "threshold"),
                Decision.Action.valueOf(node.path("action").asText().toUpperCase(Locale.ROOT)),
                node.path("back_to").asLong(-1)))
        : Optional.empty();
  }

  private static RunSummary summary(JsonNode node) {
    return new RunSummary(
        Json.number(node, "training_seconds"),
        Json.number(node, "tokens_per_second"),
        Json.number(node, "mfu_datasheet"),
        Json.number(node, "mfu_measured"),
        Json.number(node, "last_loss"),
        Json.number(node, "last_val_loss"),
        Json.number(node, "best_val_loss"),
        node.path("best_step").asLong(-1),
        node.path("peak_memory_bytes").asLong(-1));
  }
}
