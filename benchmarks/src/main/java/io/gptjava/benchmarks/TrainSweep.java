package io.gptjava.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.train.run.Environment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Training steps of several sizes and settings side by side, and how their cost grows.
 *
 * @param points that were measured, in their order
 * @param skipped those that were not
 */
public record TrainSweep(List<TrainPoint> points, List<Skipped> skipped) {
  private static final double GIGA = 1e9;

  /**
   * A point that does not fit.
   *
   * @param name its settings
   * @param reason on one line
   */
  public record Skipped(String name, String reason) {}

  /** Copies the lists. */
  public TrainSweep {
    points = List.copyOf(points);
    skipped = List.copyOf(skipped);
  }

  /** Whether this ran on the host emulator, so that its times mean nothing. */
  public boolean emulated() {
    return points.stream().anyMatch(p -> Emulator.runs(p.environment().backend()));
  }

  /** A fit for each set of points that differ in batch and length alone; at least two points. */
  public Map<String, CostFit> fits() {
    Map<String, List<TrainPoint>> groups = new LinkedHashMap<>();
    points.forEach(p -> groups.computeIfAbsent(p.group(), _ -> new ArrayList<>()).add(p));
    Map<String, CostFit> fits = new LinkedHashMap<>();
    groups.forEach(
        (name, group) -> {
          if (group.size() > 1) {
            fits.put(name, CostFit.of(group));
          }
        });
    return fits;
  }

  /** A table of the points, and one for each fit. */
  public String text() {
    StringBuilder text = new StringBuilder();
    if (!points.isEmpty()) {
      header(text);
      points.forEach(point -> row(text, point));
      ceiling(text);
    }
    for (Skipped skip : skipped) {
      line(text, "skipped %s: %s", skip.name, skip.reason);
    }
    fits().forEach((name, fit) -> fit(text, name, fit));
    return text.toString();
  }

  private void header(StringBuilder text) {
    TrainPoint first = points.getFirst();
    Environment environment = first.environment();
    line(
        text,
        "training steps: %,d parameters, %s; medians of %d steps",
        first.settings().model().parameterCount(),
        first.settings().precision().name().toLowerCase(Locale.ROOT),
        first.settings().steps());
    line(
        text,
        "%s; %s; %s; gpt-java %s%s",
        environment.backend(),
        environment.processor().orElse(environment.system()),
        environment.jdk(),
        environment.version(),
        environment.commit().map(commit -> " (" + commit + ")").orElse(""));
    if (emulated()) {
      line(text, Emulator.CAUTION);
    }
    line(text, "");
    line(
        text,
        "   B     T    ms/step  tokens/s  forward+backward ms  norm+AdamW ms  planned GB   %% MFU");
  }

  private static void row(StringBuilder text, TrainPoint point) {
    line(
        text,
        "%4d %5d %10.2f %9.0f %20.2f %14.2f %11.3f %7s  %s",
        point.settings().batch(),
        point.settings().sequence(),
        point.step().median(),
        point.tokensPerSecond(),
        point.passes(),
        point.update(),
        point.plannedBytes() / GIGA,
        point.utilisation().isPresent()
            ? String.format(Locale.ROOT, "%.1f", 100 * point.utilisation().getAsDouble())
            : "-",
        point.group());
  }

  private void ceiling(StringBuilder text) {
    List<Double> ceilings =
        points.stream().flatMap(p -> p.ceiling().stream().boxed()).distinct().toList();
    if (!ceilings.isEmpty()) {
      line(
          text,
          "MFU: useful FLOPs over %s, %.0f GFLOP/s",
          points.getFirst().measuredCeiling()
              ? "fp32 multiply-adds in registers, measured between the steps"
              : "the data sheet's",
          Timing.of(ceilings).median() / GIGA);
    }
  }

  private static void fit(StringBuilder text, String name, CostFit fit) {
    line(text, "");
    line(
        text,
        "forward + backward, us/token by %s%s",
        fit.points().getFirst().method(),
        name.isEmpty() ? "" : "; " + name);
    line(text, "   B     T   measured   line  deviation %%   by FLOPs  deviation %%");
    for (TrainPoint point : fit.points()) {
      TrainBenchmark.Settings s = point.settings();
      line(
          text,
          "%4d %5d %10.2f %6.4g %12.1f %10.2f %12.1f",
          s.batch(),
          s.sequence(),
          point.passMicrosecondsPerToken(),
          fit.measured().at(s.sequence()),
          100 * fit.deviation(point),
          fit.predicted(point),
          100 * fit.deviationFromFlops(point));
    }
    if (fit.sloped()) {
      line(
          text,
          "measured  %.4g + %.4g T, every point within %.1f %%",
          fit.measured().constant(),
          fit.measured().slope(),
          100 * fit.measured().worst());
      line(
          text,
          "by FLOPs  %.4g + %.4g T, at %.1f GFLOP/s for all",
          fit.predictedConstant(),
          fit.predictedSlope(),
          fit.rate() / GIGA);
    } else {
      line(
          text,
          "measured  %.4g at every B, every point within %.1f %%",
          fit.measured().constant(),
          100 * fit.measured().worst());
    }
  }

  private static void line(StringBuilder text, String format, Object... arguments) {
    text.append(String.format(Locale.ROOT, format, arguments).stripTrailing()).append('\n');
  }

  /** The same figures: times in ms and microseconds, memory in bytes. */
  public ObjectNode json() {
    ObjectNode root = new ObjectMapper().createObjectNode();
    root.put("benchmark", "train-sweep").put("emulated", emulated());
    if (!points.isEmpty()) {
      EnvironmentJson.put(root.putObject("environment"), points.getFirst().environment());
    }
    root.putArray("points");
    for (TrainPoint point : points) {
      ObjectNode node = root.withArray("points").addObject();
      TrainBenchmarkReport.settings(node.putObject("settings"), point.settings());
      point.others().forEach(node.putObject("varied")::put);
      node.put("timed_by", point.method()).put("warmup_steps", point.warmupSteps());
      node.put("steps", point.step().count()).put("step_ms_median", point.step().median());
      node.put("step_ms_min", point.step().min()).put("step_ms_p95", point.step().p95());
      node.put("tokens_per_second", point.tokensPerSecond());
      node.put("forward_backward_ms", point.passes()).put("norm_optimizer_ms", point.update());
      node.put("forward_backward_flops", point.passFlops());
      node.put("planned_bytes", point.plannedBytes());
      point.utilisation().ifPresent(share -> node.put("mfu", share));
    }
    root.putArray("skipped");
    for (Skipped skip : skipped) {
      root.withArray("skipped").addObject().put("name", skip.name).put("reason", skip.reason);
    }
    root.putArray("fits");
    fits().forEach((name, fit) -> put(root.withArray("fits").addObject(), name, fit));
    return root;
  }

  private static void put(ObjectNode node, String name, CostFit fit) {
    node.put("varied", name);
    node.put("us_per_token", fit.measured().constant());
    node.put("worst_deviation", fit.measured().worst());
    if (fit.sloped()) {
      node.put("us_per_token_and_position", fit.measured().slope());
      node.put("us_per_token_by_flops", fit.predictedConstant());
      node.put("us_per_token_and_position_by_flops", fit.predictedSlope());
    }
    node.put("gflops", fit.rate() / GIGA);
    for (TrainPoint point : fit.points()) {
      node.withArray("points")
          .addObject()
          .put("batch_size", point.settings().batch())
          .put("sequence_length", point.settings().sequence())
          .put("us_per_token", point.passMicrosecondsPerToken())
          .put("deviation", fit.deviation(point))
          .put("deviation_from_flops", fit.deviationFromFlops(point));
    }
  }
}
