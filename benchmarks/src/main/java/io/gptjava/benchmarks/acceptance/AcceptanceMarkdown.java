package io.gptjava.benchmarks.acceptance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Shows an {@code acceptance.json} to people. */
final class AcceptanceMarkdown {
  private final StringBuilder text = new StringBuilder();

  private AcceptanceMarkdown() {}

  static String of(ObjectNode root) {
    AcceptanceMarkdown markdown = new AcceptanceMarkdown();
    markdown.line("# GPU acceptance");
    for (JsonNode run : root.path("runs")) {
      markdown.run(run);
    }
    return markdown.text.toString();
  }

  private void line(String format, Object... arguments) {
    text.append(String.format(Locale.ROOT, format, arguments).stripTrailing()).append('\n');
  }

  private void run(JsonNode run) {
    line("");
    line(
        "## %s, commit %s",
        run.path("started").asText("unknown time"), run.path("commit").asText("unknown"));
    String mode = run.path("mode").asText();
    if (!mode.isEmpty()) {
      line("");
      line("**%s**", mode);
    }
    line("");
    line("| step | status | seconds | limit | |");
    line("|---|---|---:|---:|---|");
    for (JsonNode step : run.path("steps")) {
      line(
          "| %s | %s | %s | %s | %s |",
          step.path("name").asText(),
          step.path("status").asText(),
          step.path("seconds").asText(),
          step.path("limit").asText(),
          cell(step.path("reason").asText()));
    }
    for (JsonNode step : run.path("steps")) {
      step(step);
    }
  }

  private void step(JsonNode step) {
    line("");
    line("### %s: %s", step.path("name").asText(), step.path("status").asText());
    if (!step.path("commands").isEmpty()) {
      line("");
      line("```");
      step.path("commands").forEach(command -> line("%s", command.asText()));
      line("```");
    }
    JsonNode figures = step.path("figures");
    List<JsonNode> ours = new ArrayList<>();
    List<JsonNode> peers = new ArrayList<>();
    for (var figure : figures.properties()) {
      String name = figure.getKey();
      JsonNode value = figure.getValue();
      if (name.equals("tests")) {
        tests(value);
      } else if (value.path("benchmark").asText().equals("kernels")) {
        line("");
        KernelTable.append(text, value);
      } else if (value.has("largest_relative_difference")) {
        parity(name, value);
      } else if (name.equals("ours")) {
        value.forEach(ours::add);
      } else if (name.equals("torch")) {
        value.forEach(peers::add);
      } else if (value.isObject()) {
        table(value);
      }
    }
    if (!ours.isEmpty() || !peers.isEmpty()) {
      line("");
      TrainTable.append(text, ours, peers);
    }
  }

  private void tests(JsonNode tests) {
    line("");
    line(
        "%d tests: %d passed, %d failed, %d skipped.",
        tests.path("tests").asInt(),
        tests.path("passed").asInt(),
        tests.path("failed").asInt(),
        tests.path("skipped").asInt());
    if (tests.has("failures") || tests.has("skip_reasons")) {
      line("");
    }
    for (JsonNode failure : tests.path("failures")) {
      line("- FAILED %s: %s", failure.path("test").asText(), failure.path("message").asText());
    }
    for (var reason : tests.path("skip_reasons").properties()) {
      line("- %d skipped: %s", reason.getValue().asInt(), reason.getKey());
    }
  }

  private void parity(String name, JsonNode parity) {
    line("");
    line(
        "%s: %d steps, losses %s, largest relative difference %.2e (allowed %.1e).",
        name,
        parity.path("steps").asInt(),
        parity.path("holds").asBoolean() ? "agree" : "DIFFER",
        parity.path("largest_relative_difference").asDouble(Double.NaN),
        parity.path("tolerance").asDouble());
  }

  private void table(JsonNode object) {
    line("");
    line("| | |");
    line("|---|---|");
    for (var entry : object.properties()) {
      if (entry.getValue().isValueNode()) {
        line("| %s | %s |", entry.getKey(), cell(entry.getValue().asText()));
      }
    }
  }

  private static String cell(String value) {
    return value.replace("|", "\\|");
  }
}
