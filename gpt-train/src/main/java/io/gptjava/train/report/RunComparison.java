package io.gptjava.train.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.run.RunHistory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * Two runs side by side: losses at equal steps, throughput, and where configuration and environment
 * differ.
 *
 * @param a the first run
 * @param b the second
 * @param trainingStep the last step that both have done; empty if there is none
 * @param evaluationStep the last step after which both were evaluated; empty if there is none
 * @param configuration settings whose values differ
 * @param environment facts of the environment that differ; when a run began is none
 */
public record RunComparison(
    Side a,
    Side b,
    OptionalLong trainingStep,
    OptionalLong evaluationStep,
    List<Difference> configuration,
    List<Difference> environment) {
  private static final Set<String> OWN = Set.of("out", "started");

  /**
   * One of the runs, a number that is not known NaN.
   *
   * @param steps done
   * @param trainingLoss of the step that both have done last
   * @param evaluatedTrainingLoss after the step that both were evaluated after last
   * @param validationLoss after that step
   * @param bestValidationLoss the lowest up to that step
   * @param bestStep where that was; −1 if nowhere
   * @param tokensPerSecond median over the run's steps
   * @param millisecondsPerStep the same
   */
  public record Side(
      String name,
      Path run,
      long steps,
      double trainingLoss,
      double evaluatedTrainingLoss,
      double validationLoss,
      double bestValidationLoss,
      long bestStep,
      double tokensPerSecond,
      double millisecondsPerStep) {}

  /**
   * Something that differs.
   *
   * @param a its value in the first run; empty if it has none
   * @param b the same for the second
   */
  public record Difference(String key, Optional<Value> a, Optional<Value> b) {}

  /**
   * A value.
   *
   * @param origin where it came from; empty for facts
   */
  public record Value(String text, String origin) {}

  /** Copies the lists. */
  public RunComparison {
    configuration = List.copyOf(configuration);
    environment = List.copyOf(environment);
  }

  /**
   * Compares two runs; needs no lock.
   *
   * @throws GptException with {@link Failure#DATA} if a log is missing or damaged, {@link
   *     Failure#CHECKPOINT} if another file is damaged
   */
  public static RunComparison of(Path first, Path second) {
    RunHistory a = RunHistory.read(first);
    RunHistory b = RunHistory.read(second);
    OptionalLong training = lastCommon(a.steps(), b.steps(), TrainingEvent.Step::step);
    OptionalLong evaluation =
        lastCommon(a.evaluations(), b.evaluations(), TrainingEvent.Evaluated::step);
    JsonNode left = new RunReport(first, new RunCurves()).toJson();
    JsonNode right = new RunReport(second, new RunCurves()).toJson();
    return new RunComparison(
        side(a, first, training, evaluation),
        side(b, second, training, evaluation),
        training,
        evaluation,
        differences(left.path("config"), right.path("config")),
        differences(left.path("environment"), right.path("environment")));
  }

  private interface Numbered<E> {
    long step(E event);
  }

  private static <E> OptionalLong lastCommon(List<E> a, List<E> b, Numbered<E> numbered) {
    Set<Long> steps = a.stream().map(numbered::step).collect(Collectors.toSet());
    return b.stream().mapToLong(numbered::step).filter(steps::contains).max();
  }

  private static Side side(
      RunHistory run, Path folder, OptionalLong training, OptionalLong evaluation) {
    Optional<TrainingEvent.Step> step =
        run.steps().stream().filter(e -> is(e.step(), training)).findFirst();
    Optional<TrainingEvent.Evaluated> evaluated =
        run.evaluations().stream().filter(e -> is(e.step(), evaluation)).findFirst();
    Optional<TrainingEvent.Evaluated> best =
        run.evaluations().stream()
            .filter(e -> Double.isFinite(e.validationLoss()))
            .filter(e -> evaluation.isPresent() && e.step() <= evaluation.getAsLong())
            .min(Comparator.comparingDouble(TrainingEvent.Evaluated::validationLoss));
    return new Side(
        run.name(),
        folder,
        run.steps().isEmpty() ? 0 : run.steps().getLast().step() + 1,
        step.map(TrainingEvent.Step::loss).orElse(Double.NaN),
        evaluated.map(TrainingEvent.Evaluated::trainLoss).orElse(Double.NaN),
        evaluated.map(TrainingEvent.Evaluated::validationLoss).orElse(Double.NaN),
        best.map(TrainingEvent.Evaluated::validationLoss).orElse(Double.NaN),
        best.map(TrainingEvent.Evaluated::step).orElse(-1L),
        median(run, TrainingEvent.Step::tokensPerSecond),
        median(run, TrainingEvent.Step::milliseconds));
  }

  private static boolean is(long step, OptionalLong wanted) {
    return wanted.isPresent() && wanted.getAsLong() == step;
  }

  private static double median(RunHistory run, ToDoubleFunction<TrainingEvent.Step> value) {
    double[] sorted =
        run.steps().stream().mapToDouble(value).filter(Double::isFinite).sorted().toArray();
    int half = sorted.length / 2;
    if (sorted.length == 0) {
      return Double.NaN;
    }
    return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }

  /** From rows as {@link RunReport#toJson} has them, in their order. */
  private static List<Difference> differences(JsonNode a, JsonNode b) {
    List<String> keys = new ArrayList<>();
    for (JsonNode rows : List.of(a, b)) {
      rows.forEach(row -> keys.add(row.path("key").asText()));
    }
    List<Difference> differences = new ArrayList<>();
    for (String key : keys.stream().distinct().filter(key -> !OWN.contains(key)).toList()) {
      Difference difference = new Difference(key, value(a, key), value(b, key));
      if (!difference.a.map(Value::text).equals(difference.b.map(Value::text))) {
        differences.add(difference);
      }
    }
    return differences;
  }

  private static Optional<Value> value(JsonNode rows, String key) {
    for (JsonNode row : rows) {
      if (row.path("key").asText().equals(key)) {
        return Optional.of(new Value(row.path("value").asText(), row.path("origin").asText("")));
      }
    }
    return Optional.empty();
  }

  /** All of it; what is not known is null. */
  public ObjectNode toJson() {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("training_step", trainingStep.isPresent() ? trainingStep.getAsLong() : null);
    node.put("evaluation_step", evaluationStep.isPresent() ? evaluationStep.getAsLong() : null);
    node.set("a", json(a));
    node.set("b", json(b));
    node.set("configuration", json(configuration));
    node.set("environment", json(environment));
    return node;
  }

  private static ObjectNode json(Side side) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("run", side.run.toString()).put("steps", side.steps);
    put(node, "training_loss", side.trainingLoss);
    put(node, "evaluated_training_loss", side.evaluatedTrainingLoss);
    put(node, "val_loss", side.validationLoss);
    put(node, "best_val_loss", side.bestValidationLoss);
    node.put("best_step", side.bestStep < 0 ? null : side.bestStep);
    put(node, "median_tokens_per_second", side.tokensPerSecond);
    put(node, "median_ms_per_step", side.millisecondsPerStep);
    return node;
  }

  private static ArrayNode json(List<Difference> differences) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    for (Difference difference : differences) {
      ObjectNode node = array.addObject().put("key", difference.key);
      node.set("a", json(difference.a));
      node.set("b", json(difference.b));
    }
    return array;
  }

  private static JsonNode json(Optional<Value> value) {
    if (value.isEmpty()) {
      return JsonNodeFactory.instance.nullNode();
    }
    ObjectNode node = JsonNodeFactory.instance.objectNode().put("value", value.get().text);
    return value.get().origin.isEmpty() ? node : node.put("origin", value.get().origin);
  }

  private static void put(ObjectNode node, String key, double value) {
    if (Double.isFinite(value)) {
      node.put(key, value);
    } else {
      node.putNull(key);
    }
  }
}
