package io.gptjava.benchmarks;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.train.run.BuildCommit;
import io.gptjava.train.run.Environment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What JMH wrote ({@code -rf json}) in the form of {@code gpt bench kernels --json}: for each
 * benchmark the milliseconds of one operation, sorted, with median, minimum and 95th percentile,
 * and the machine. Each of JMH's iterations is one sample.
 */
public final class JmhResults {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final double MEGA = 1e6;

  private JmhResults() {}

  /** Converts: {@code FROM TO}, and prints a table. */
  public static void main(String[] arguments) throws IOException {
    String version = JmhResults.class.getPackage().getImplementationVersion();
    Environment environment =
        Environment.current(version == null ? "unknown" : version, BuildCommit.read(), "CPU, JMH");
    ObjectNode converted =
        convert(JSON.readTree(Files.readString(Path.of(arguments[0]))), environment);
    Files.writeString(Path.of(arguments[1]), converted.toPrettyString() + "\n");
    System.out.print(table(converted));
  }

  /**
   * Converts.
   *
   * @param jmh array of results
   * @param environment of the machine
   * @throws IllegalArgumentException if a result's unit is not known
   */
  static ObjectNode convert(JsonNode jmh, Environment environment) {
    ObjectNode root = JSON.createObjectNode();
    root.put("benchmark", "jmh");
    EnvironmentJson.put(root.putObject("environment"), environment);
    root.put("timed_by", "JMH");
    root.putArray("kernels");
    for (JsonNode result : jmh) {
      root.withArray("kernels").add(kernel(result));
    }
    return root;
  }

  private static ObjectNode kernel(JsonNode result) {
    String[] path = result.path("benchmark").asText().split("\\.");
    ObjectNode node = JSON.createObjectNode();
    node.put("family", path[path.length - 2]);
    StringBuilder name = new StringBuilder(path[path.length - 1]);
    for (Map.Entry<String, JsonNode> parameter : result.path("params").properties()) {
      name.append(' ').append(parameter.getKey()).append('=').append(parameter.getValue().asText());
    }
    node.put("name", name.toString());
    JsonNode metric = result.path("primaryMetric");
    List<Double> samples = new ArrayList<>();
    for (JsonNode fork : metric.path("rawData")) {
      fork.forEach(
          score -> samples.add(milliseconds(score.asDouble(), metric.path("scoreUnit").asText())));
    }
    Timing timing = Timing.of(samples);
    node.put("ms_median", timing.median()).put("ms_min", timing.min());
    node.put("ms_p95", timing.p95()).put("samples", timing.count());
    timing.sorted().forEach(node.putArray("ms")::add);
    rate(node, "flops", "gflops", result);
    rate(node, "bytes", "gbps", result);
    return node;
  }

  /** JMH's counters are 10⁶ a millisecond, which is 10⁹ a second. */
  private static void rate(ObjectNode node, String count, String rate, JsonNode result) {
    double score = result.path("secondaryMetrics").path(rate).path("score").asDouble();
    if (score > 0) {
      double operations = result.path("primaryMetric").path("score").asDouble();
      node.put(count, Math.rint(score / operations * MEGA)).put(rate, score);
    }
  }

  private static double milliseconds(double score, String unit) {
    return switch (unit) {
      case "ops/ms" -> 1 / score;
      case "ops/s" -> 1e3 / score;
      case "ms/op" -> score;
      case "us/op" -> score * 1e-3;
      case "ns/op" -> score * 1e-6;
      default -> throw new IllegalArgumentException("unit " + unit + " of JMH is not known");
    };
  }

  private static String table(JsonNode root) {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%-62s %12s %12s %12s %9s %9s%n",
            "JMH",
            "ms median",
            "min",
            "p95",
            "GFLOP/s",
            "GB/s"));
    for (JsonNode kernel : root.path("kernels")) {
      text.append(
          String.format(
              Locale.ROOT,
              "%-62s %12.4g %12.4g %12.4g %9s %9s%n",
              kernel.path("family").asText() + "." + kernel.path("name").asText(),
              kernel.path("ms_median").asDouble(),
              kernel.path("ms_min").asDouble(),
              kernel.path("ms_p95").asDouble(),
              rate(kernel, "gflops"),
              rate(kernel, "gbps")));
    }
    return text.toString();
  }

  private static String rate(JsonNode kernel, String name) {
    return kernel.has(name)
        ? String.format(Locale.ROOT, "%.2f", kernel.path(name).asDouble())
        : "-";
  }
}
