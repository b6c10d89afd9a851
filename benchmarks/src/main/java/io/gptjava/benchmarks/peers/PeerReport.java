package io.gptjava.benchmarks.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.List;
import java.util.Locale;

/** One JSON and one table of all that a folder holds. */
final class PeerReport {
  private static final double GIGA = 1e9;
  private static final List<String> PRECISIONS = List.of("fp32", "bf16");

  private PeerReport() {}

  /** Task, machine, losses, times and what was skipped. */
  static ObjectNode json(PeerFolder folder) throws IOException {
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.put("benchmark", "peers");
    json.set("task", folder.read("task"));
    for (String precision : PRECISIONS) {
      JsonNode time = folder.read("time-" + precision);
      JsonNode parity = folder.read("parity-" + precision);
      if (!json.has("environment") && time.has("peers")) {
        json.set("environment", time.path("peers").get(0).path("about").path("environment"));
      }
      if (!parity.isEmpty()) {
        json.withObject("/losses").set(precision, parity);
      }
      if (!time.isEmpty()) {
        json.withObject("/times").set(precision, time);
      }
    }
    JsonNode llmc = folder.read("llmc");
    if (!llmc.isEmpty()) {
      json.set("llmc", llmc);
    }
    for (String line : folder.skips()) {
      String[] parts = line.split("\t", 2);
      json.withArray("skipped").addObject().put("peer", parts[0]).put("reason", parts[1]);
    }
    return json;
  }

  private static String line(String format, Object... arguments) {
    return String.format(Locale.ROOT, format, arguments).stripTrailing() + "\n";
  }

  /** The same for people. */
  static String text(JsonNode json) {
    StringBuilder text = new StringBuilder();
    JsonNode task = json.path("task");
    JsonNode environment = json.path("environment");
    text.append(
        line(
            "%,d parameters, %d x %d tokens a step, %s, AdamW, clipping",
            task.path("parameters").longValue(),
            task.path("batch_size").intValue(),
            task.path("sequence_length").intValue(),
            task.path("text").asText()));
    text.append(
        line(
            "%s, %d processors, %s; commit %s",
            environment.path("processor").asText("unknown processor"),
            environment.path("processors").intValue(),
            environment.path("jdk").asText(),
            environment.path("commit").asText("unknown")));
    for (String precision : PRECISIONS) {
      JsonNode time = json.path("times").path(precision);
      JsonNode parity = json.path("losses").path(precision);
      if (!time.isMissingNode() || !parity.isMissingNode()) {
        times(text, precision, time, parity);
      }
    }
    JsonNode llmc = json.path("llmc");
    if (!llmc.isMissingNode()) {
      text.append(
          line(
              "llm.c %s: median %.1f ms, %.1f tokens/s (in turn with nobody, after the others)",
              llmc.path("version").asText(),
              llmc.path("median").doubleValue(),
              llmc.path("tokens_per_second").doubleValue()));
    }
    for (JsonNode skip : json.path("skipped")) {
      text.append(line("skipped %s: %s", skip.path("peer").asText(), skip.path("reason").asText()));
    }
    return text.toString();
  }

  private static void times(StringBuilder text, String precision, JsonNode time, JsonNode parity) {
    text.append(
        line(
            "%n%-12s %9s %9s %9s %9s %8s   %-24s %s",
            precision,
            "ms/step",
            "min",
            "p95",
            "tokens/s",
            "RSS, GB",
            "time / ours (95 %)",
            "loss differs by at most"));
    for (JsonNode row : time.path("peers")) {
      String name = row.path("name").asText();
      JsonNode ratio = row.path("time_over_ours");
      text.append(
          line(
              "%-12s %9.1f %9.1f %9.1f %9.1f %8s   %-24s %s",
              name,
              row.path("median").doubleValue(),
              row.path("min").doubleValue(),
              row.path("p95").doubleValue(),
              row.path("tokens_per_second").doubleValue(),
              row.has("peak_resident_bytes")
                  ? "%.2f".formatted(row.path("peak_resident_bytes").doubleValue() / GIGA)
                  : "-",
              ratio.isMissingNode()
                  ? "1"
                  : line(
                          "%.2f (%.2f to %.2f)",
                          ratio.path("median").doubleValue(),
                          ratio.path("low").doubleValue(),
                          ratio.path("high").asDouble(Double.POSITIVE_INFINITY))
                      .strip(),
              difference(parity, name)));
    }
    for (JsonNode row : time.path("peers")) {
      JsonNode about = row.path("about");
      text.append(
          line(
              "  %s %s: %s",
              row.path("name").asText(),
              about.path("version").asText("unknown"),
              about.path("settings").asText()));
    }
    parity
        .path("peers")
        .properties()
        .forEach(
            peer -> {
              if (!peer.getValue().path("holds").asBoolean()) {
                text.append(
                    line(
                        "  %s not timed: its losses differ from ours by %s",
                        peer.getKey(), difference(parity, peer.getKey())));
              }
            });
  }

  private static String difference(JsonNode parity, String name) {
    JsonNode difference = parity.path("peers").path(name).path("largest_difference");
    return difference.isMissingNode() || name.equals(PeerFolder.OURS)
        ? "-"
        : line("%.1e in %d steps", difference.asDouble(), parity.path("steps").intValue()).strip();
  }
}
