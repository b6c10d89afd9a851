package io.gptjava.benchmarks.kernels;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.benchmarks.EnvironmentJson;
import io.gptjava.benchmarks.LineFit;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.KernelTime;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.regex.Pattern;

/**
 * Attention at several sequence lengths of the same number of tokens: what each costs, and whether
 * the cost grows as it should, a constant and a linear part per token.
 *
 * @param points one for each length, in their order
 */
public record AttentionSweep(List<Point> points) {
  private static final Pattern ATTENTION = Pattern.compile("^attention attention");
  private static final double TERA = 1e12;

  /** Copies the list. */
  public AttentionSweep {
    points = List.copyOf(points);
  }

  /**
   * One sequence length.
   *
   * @param forward of one layer
   * @param backward of one layer
   */
  public record Point(KernelBenchmarkResult result, KernelTime forward, KernelTime backward) {
    private KernelShapes shapes() {
      return result.settings().shapes();
    }

    private double microsecondsPerToken(KernelTime time) {
      return time.timing().median() * 1e3 / shapes().rows();
    }
  }

  /**
   * Runs the benchmark of kernels at each length.
   *
   * @param settings of one length; its model and batch are replaced
   * @param lengths T of each point
   * @param tokens B · T of each point, at least one sequence
   * @param run the benchmark
   */
  public static AttentionSweep run(
      KernelBenchmark.Settings settings,
      List<Integer> lengths,
      int tokens,
      Function<KernelBenchmark.Settings, KernelBenchmarkResult> run) {
    List<Point> points = new ArrayList<>();
    for (int length : lengths) {
      GptConfig model = settings.shapes().model();
      GptConfig longer =
          new GptConfig(
              model.vocabularySize(),
              length,
              model.width(),
              model.layers(),
              model.heads(),
              model.dropout(),
              model.qkvBias(),
              model.tieEmbeddings());
      KernelShapes shapes =
          new KernelShapes(longer, settings.shapes().type(), Math.max(1, tokens / length), length);
      KernelBenchmarkResult result = run.apply(settings.withShapes(shapes).withOnly(ATTENTION));
      if (!result.skipped().isEmpty()) {
        throw new GptException(
            Failure.CAPACITY,
            "attention over %d tokens: %s; lower --tokens, --sequence-lengths or --width"
                .formatted(shapes.rows(), result.skipped().getFirst().reason()));
      }
      points.add(new Point(result, result.kernels().getFirst(), result.kernels().getLast()));
    }
    return new AttentionSweep(points);
  }

  /** Microseconds per token of the forward or backward pass as a line in the length. */
  private LineFit fit(Function<Point, KernelTime> pass) {
    return LineFit.of(
        points.stream().mapToDouble(p -> p.shapes().sequence()).toArray(),
        points.stream().mapToDouble(p -> p.microsecondsPerToken(pass.apply(p))).toArray());
  }

  /** A table, and the lines. */
  public String text() {
    StringBuilder text = new StringBuilder();
    KernelBenchmarkResult first = points.getFirst().result();
    KernelShapes shapes = first.settings().shapes();
    line(
        text,
        "attention: %s, %d heads of %d, dropout %s, %s",
        shapes.type().name().toLowerCase(Locale.ROOT),
        shapes.model().heads(),
        shapes.model().headSize(),
        shapes.model().dropout(),
        first.method());
    line(text, "%s; gpt-java %s", first.environment().backend(), first.environment().version());
    if (first.emulated()) {
      line(text, "on the host emulator: these are no timings of a GPU");
    }
    line(text, "");
    line(
        text,
        "    T      B   forward ms  TFLOP/s  %% roof  us/token   backward ms  TFLOP/s  %% roof"
            + "  us/token");
    for (Point point : points) {
      line(
          text,
          "%5d  %5d  %s  %s",
          point.shapes().sequence(),
          point.shapes().batch(),
          columns(point, point.forward()),
          columns(point, point.backward()));
    }
    if (points.size() > 2) {
      line(text, "");
      line(text, "forward   %s", describe(fit(Point::forward)));
      line(text, "backward  %s", describe(fit(Point::backward)));
    }
    return text.toString();
  }

  private static String columns(Point point, KernelTime time) {
    return String.format(
        Locale.ROOT,
        "%11.4f  %7.4g  %6.1f  %8.4f",
        time.timing().median(),
        time.flopsPerSecond() / TERA,
        100 * time.share(point.result().best()),
        point.microsecondsPerToken(time));
  }

  private static String describe(LineFit fit) {
    return String.format(
        Locale.ROOT,
        "us/token = %.4g + %.4g T, every length within %.1f %%",
        fit.constant(),
        fit.slope(),
        100 * fit.worst());
  }

  private static void line(StringBuilder text, String format, Object... arguments) {
    text.append(String.format(Locale.ROOT, format, arguments).stripTrailing()).append('\n');
  }

  /** The same figures. */
  public ObjectNode json() {
    ObjectNode root = new ObjectMapper().createObjectNode();
    KernelBenchmarkResult first = points.getFirst().result();
    KernelShapes shapes = first.settings().shapes();
    root.put("benchmark", "attention");
    EnvironmentJson.put(root.putObject("environment"), first.environment());
    ObjectNode settings = root.putObject("settings");
    settings.put("type", shapes.type().name().toLowerCase(Locale.ROOT));
    settings.put("heads", shapes.model().heads()).put("head_size", shapes.model().headSize());
    settings.put("dropout", shapes.model().dropout());
    root.put("timed_by", first.method()).put("emulated", first.emulated());
    root.putArray("points");
    for (Point point : points) {
      ObjectNode node = root.withArray("points").addObject();
      node.put("sequence_length", point.shapes().sequence());
      node.put("batch_size", point.shapes().batch());
      put(node.putObject("forward"), point, point.forward());
      put(node.putObject("backward"), point, point.backward());
    }
    if (points.size() > 2) {
      put(root.putObject("forward_fit"), fit(Point::forward));
      put(root.putObject("backward_fit"), fit(Point::backward));
    }
    return root;
  }

  private static void put(ObjectNode node, Point point, KernelTime time) {
    node.put("ms_median", time.timing().median()).put("ms_min", time.timing().min());
    node.put("tflops", time.flopsPerSecond() / TERA);
    node.put("share", time.share(point.result().best()));
    node.put("us_per_token", point.microsecondsPerToken(time));
  }

  private static void put(ObjectNode node, LineFit fit) {
    node.put("us_per_token", fit.constant()).put("us_per_token_and_position", fit.slope());
    node.put("worst_deviation", fit.worst());
  }
}
