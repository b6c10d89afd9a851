package io.gptjava.train.report;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a report shows of what happened in a run, gathered while it happens in a bounded amount of
 * memory: thinned curves, samples and warnings of which the oldest make room. Written by the
 * training thread, read by any.
 */
public final class RunCurves implements TrainingListener {
  private static final int MOST_SAMPLES = 200;
  private static final int MOST_WARNINGS = 50;
  private static final int LONGEST_TEXT = 20_000;

  private static final List<String> CURVES =
      List.of("loss", "eval_train_loss", "val_loss", "lr", "grad_norm", "tokens_per_second");

  private final Map<String, ThinnedCurve> curves = new LinkedHashMap<>();
  private final List<TrainingEvent.Sampled> samples = new ArrayList<>();
  private final List<TrainingEvent.Warning> warnings = new ArrayList<>();
  private TrainingEvent.Started started;
  private TrainingEvent.Step lastStep;
  private TrainingEvent.Evaluated lastEvaluation;
  private TrainingEvent.Evaluated best;
  private TrainingEvent.Ended ended;
  private double milliseconds;
  private long timedSteps;
  private long version;

  /** Nothing yet. */
  public RunCurves() {
    clear();
  }

  /** Forgets everything, for a run that went back and is told again. */
  public synchronized void clear() {
    version++;
    CURVES.forEach(name -> curves.put(name, new ThinnedCurve()));
    samples.clear();
    warnings.clear();
    started = null;
    lastStep = null;
    lastEvaluation = null;
    best = null;
    ended = null;
    milliseconds = 0;
    timedSteps = 0;
  }

  @Override
  public synchronized void on(TrainingEvent event) {
    version++;
    switch (event) {
      case TrainingEvent.Started e -> {
        started = e;
        ended = null;
      }
      case TrainingEvent.Step e -> step(e);
      case TrainingEvent.Evaluated e -> evaluated(e);
      case TrainingEvent.Sampled e -> {
        samples.add(e);
        if (samples.size() > MOST_SAMPLES) {
          thin(samples);
        }
      }
      case TrainingEvent.Warning e -> {
        warnings.add(e);
        if (warnings.size() > MOST_WARNINGS) {
          warnings.removeFirst();
        }
      }
      case TrainingEvent.Ended e -> ended = e;
      case TrainingEvent.Saved _ -> {}
      case TrainingEvent.EpochEnded _ -> {}
      case TrainingEvent.LossScaled _ -> {}
    }
    notifyAll();
  }

  private void step(TrainingEvent.Step e) {
    lastStep = e;
    add("loss", e.step(), e.tokens(), e.loss());
    add("lr", e.step(), e.tokens(), e.learningRate());
    add("grad_norm", e.step(), e.tokens(), e.gradientNorm());
    add("tokens_per_second", e.step(), e.tokens(), e.tokensPerSecond());
    if (Double.isFinite(e.milliseconds())) {
      milliseconds += e.milliseconds();
      timedSteps++;
    }
  }

  private void evaluated(TrainingEvent.Evaluated e) {
    lastEvaluation = e;
    add("eval_train_loss", e.step(), e.tokens(), e.trainLoss());
    add("val_loss", e.step(), e.tokens(), e.validationLoss());
    if (Double.isFinite(e.validationLoss())
        && (best == null || e.validationLoss() < best.validationLoss())) {
      best = e;
    }
  }

  private void add(String curve, long step, long tokens, double value) {
    curves.get(curve).add(step, tokens, value);
  }

  /** Every second goes, the first and the last stay. */
  private static <E> void thin(List<E> list) {
    List<E> few = new ArrayList<>();
    for (int i = 0; i < list.size(); i += 2) {
      few.add(list.get(i));
    }
    if (list.size() % 2 == 0) {
      few.add(list.getLast());
    }
    list.clear();
    list.addAll(few);
  }

  /** Grows with every event. */
  public synchronized long version() {
    return version;
  }

  /**
   * Waits until something has happened.
   *
   * @param known version that the caller has
   * @return the version now, the known one if the time is over
   */
  public synchronized long awaitNewer(long known, long mostMillis) throws InterruptedException {
    long end = System.nanoTime() + mostMillis * 1_000_000;
    long left = mostMillis;
    while (version == known && left > 0) {
      wait(left);
      left = (end - System.nanoTime()) / 1_000_000;
    }
    return version;
  }

  /** All of it as the page's script takes it; a number that is not known is null. */
  synchronized ObjectNode toJson() {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("version", version);
    node.put("ended", ended == null ? null : ended.reason());
    if (started != null) {
      node.put("total_steps", started.totalSteps());
      node.put("steps_per_epoch", started.stepsPerEpoch());
      node.put("parameters", started.parameters());
      node.put("device", started.device());
    }
    if (lastStep != null) {
      node.put("steps", lastStep.step() + 1);
      node.put("epoch", lastStep.epoch());
      node.put("tokens", lastStep.tokens());
      put(node, "loss", lastStep.loss());
      put(node, "ms_per_step", milliseconds / timedSteps);
      put(node, "training_seconds", milliseconds * 1e-3);
    }
    if (lastEvaluation != null) {
      put(node, "val_loss", lastEvaluation.validationLoss());
    }
    if (best != null) {
      put(node, "best_val_loss", best.validationLoss());
      node.put("best_step", best.step());
    }
    ObjectNode all = node.putObject("curves");
    curves.forEach(
        (name, curve) -> {
          if (!curve.isEmpty()) {
            all.set(name, curve.toJson());
          }
        });
    ArrayNode texts = node.putArray("samples");
    for (TrainingEvent.Sampled sample : samples) {
      texts
          .addObject()
          .put("step", sample.step())
          .put("epoch", sample.epoch())
          .put("text", shortened(sample.text()));
    }
    ArrayNode notes = node.putArray("warnings");
    for (TrainingEvent.Warning warning : warnings) {
      notes.addObject().put("step", warning.step()).put("message", warning.message());
    }
    return node;
  }

  private static String shortened(String text) {
    return text.length() <= LONGEST_TEXT ? text : text.substring(0, LONGEST_TEXT) + "…";
  }

  private static void put(ObjectNode node, String key, double value) {
    if (Double.isFinite(value)) {
      node.put(key, value);
    }
  }
}
