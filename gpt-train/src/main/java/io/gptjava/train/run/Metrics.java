package io.gptjava.train.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.train.Decision;
import io.gptjava.train.ModelFlops;
import io.gptjava.train.RunSummary;
import io.gptjava.train.TrainingEvent;
import java.util.Locale;
import java.util.Optional;

/** {@link TrainingEvent}s as objects of {@code metrics.jsonl}; {@link MetricsReader} reads them. */
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
          case TrainingEvent.Warning e -> warning(e);
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
    count(node, "resumed_from", e.resumedFrom());
    node.put("total_steps", e.totalSteps())
        .put("steps_per_epoch", e.stepsPerEpoch())
        .put("batches_per_epoch", e.batchesPerEpoch())
        .put("validation_batches", e.validationBatches())
        .put("parameters", e.parameters())
        .put("device", e.device());
    Json.putFinite(node, "flops_per_token", e.flopsPerToken());
    node.put("flops_formula", ModelFlops.FORMULA);
    return Json.putFinite(node, "datasheet_flops", e.datasheetFlops());
  }

  private static ObjectNode step(TrainingEvent.Step e) {
    ObjectNode node = at("step", e.step(), e.epoch());
    Json.putFinite(node, "loss", e.loss());
    Json.putFinite(node, "lr", e.learningRate());
    Json.putFinite(node, "grad_norm", e.gradientNorm());
    node.put("tokens", e.tokens());
    Json.putFinite(node, "ms", e.milliseconds());
    Json.putFinite(node, "tokens_per_second", e.tokensPerSecond());
    if (e.skipped()) {
      node.put("skipped", true);
    }
    e.readings().ifPresent(readings -> node.set("gpu", ReadingsJson.write(readings)));
    return node;
  }

  private static ObjectNode warning(TrainingEvent.Warning e) {
    ObjectNode node = object("warning").put("step", e.step());
    e.decision().ifPresent(decision -> put(node, decision));
    return node.put("message", e.message());
  }

  private static void put(ObjectNode node, Decision d) {
    node.put("kind", d.kind()).put("batch", d.batch());
    Json.putFinite(node, "value", d.value());
    Json.putFinite(node, "deviations", d.deviations());
    Json.putFinite(node, "threshold", d.threshold());
    node.put("action", d.action().name().toLowerCase(Locale.ROOT));
    count(node, "back_to", d.backTo());
  }

  /** Puts a count, or null if it is negative: nobody knows it. */
  private static void count(ObjectNode node, String key, long value) {
    if (value < 0) {
      node.putNull(key);
    } else {
      node.put(key, value);
    }
  }

  private static ObjectNode evaluated(TrainingEvent.Evaluated e) {
    ObjectNode node = at("eval", e.step(), e.epoch());
    Json.putFinite(node, "train_loss", e.trainLoss());
    Json.putFinite(node, "val_loss", e.validationLoss());
    return node.put("tokens", e.tokens());
  }

  private static ObjectNode ended(TrainingEvent.Ended e) {
    ObjectNode node = object("end").put("step", e.step()).put("reason", e.reason());
    Json.putFinite(
        node.put("steps", e.step() + 1).put("tokens", e.tokens()), "seconds", e.seconds());
    RunSummary summary = e.summary();
    Json.putFinite(node, "training_seconds", summary.trainingSeconds());
    Json.putFinite(node, "tokens_per_second", summary.tokensPerSecond());
    Json.putFinite(node, "mfu_datasheet", summary.mfuDatasheet());
    Json.putFinite(node, "mfu_measured", summary.mfuMeasured());
    Json.putFinite(node, "last_loss", summary.lastLoss());
    Json.putFinite(node, "last_val_loss", summary.lastValidationLoss());
    Json.putFinite(node, "best_val_loss", summary.bestValidationLoss());
    count(node, "best_step", summary.bestStep());
    count(node, "peak_memory_bytes", summary.peakMemoryBytes());
    return node;
  }
}
