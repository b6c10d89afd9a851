package io.gptjava.benchmarks.results;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;

/** What {@code gpt bench kernels --json} printed, as tables in Markdown. */
final class KernelTables {
  private KernelTables() {}

  /** All runs of a file: a table for each precision and shape, whose parts may be several runs. */
  static void append(StringBuilder text, String file, JsonNode root) {
    Map<String, List<JsonNode>> tables = new LinkedHashMap<>();
    for (JsonNode run : root.has("runs") ? root.path("runs") : List.of(root)) {
      tables.computeIfAbsent(title(run.path("settings")), _ -> new ArrayList<>()).add(run);
    }
    line(text, "");
    line(text, "## Kernels: %s", file.replaceFirst("\\.json$", ""));
    tables.forEach((title, runs) -> table(text, title, runs));
  }

  private static String title(JsonNode settings) {
    return String.format(
        Locale.ROOT,
        "%s, %d x %d tokens, width %d, %d heads, %d layers, vocabulary %d, dropout %s",
        settings.path("precision").asText(settings.path("type").asText()),
        settings.path("batch_size").asInt(),
        settings.path("sequence_length").asInt(),
        settings.path("width").asInt(),
        settings.path("heads").asInt(),
        settings.path("layers").asInt(),
        settings.path("vocab_size").asInt(),
        settings.path("dropout").asText());
  }

  private static void table(StringBuilder text, String title, List<JsonNode> runs) {
    StringJoiner ceilings = new StringJoiner("; ");
    for (JsonNode run : runs) {
      ceilings.add(
          String.format(
              Locale.ROOT,
              "copy %.1f GB/s, product of %d %.4g TFLOP/s",
              run.at("/ceilings/copy_gbps").asDouble(),
              run.at("/ceilings/matmul_size").asInt(),
              run.at("/ceilings/matmul_tflops").asDouble()));
    }
    line(text, "");
    line(text, "### %s", title);
    line(text, "");
    line(
        text,
        "By %s%s. Ceilings of %s: %s.",
        runs.getFirst().path("timed_by").asText(),
        runs.getFirst().path("emulated").asBoolean() ? " on the host emulator: NO TIMING" : "",
        runs.size() == 1
            ? "the run"
            : "each of the " + runs.size() + " runs that make up the table",
        ceilings);
    line(text, "");
    line(text, "| op | us median | min | p95 | spread | TFLOP/s | GB/s | bound | share | |");
    line(text, "|---|---:|---:|---:|---:|---:|---:|---|---:|---|");
    for (JsonNode run : runs) {
      run.path("kernels").forEach(kernel -> row(text, kernel));
      for (JsonNode skipped : run.path("skipped")) {
        line(
            text,
            "| %s | | | | | | | | | skipped: %s |",
            skipped.path("family").asText(),
            ResultsSummary.cell(skipped.path("reason").asText()));
      }
    }
  }

  private static void row(StringBuilder text, JsonNode kernel) {
    double median = kernel.path("ms_median").asDouble();
    double least = kernel.path("ms_min").asDouble();
    line(
        text,
        "| %s | %.1f | %.1f | %.1f | %.0f %% | %s | %.1f | %s | %.0f %% | %s |",
        kernel.path("name").asText(),
        1e3 * median,
        1e3 * least,
        1e3 * kernel.path("ms_p95").asDouble(),
        100 * (kernel.path("ms_p95").asDouble() - least) / median,
        kernel.path("flops").asDouble() > 0
            ? String.format(Locale.ROOT, "%.4g", kernel.path("tflops").asDouble())
            : "",
        kernel.path("gbps").asDouble(),
        kernel.path("bound").asText(),
        100 * kernel.path("share").asDouble(),
        ResultsSummary.cell(kernel.path("note").asText()));
  }

  private static void line(StringBuilder text, String format, Object... arguments) {
    text.append(String.format(Locale.ROOT, format, arguments).stripTrailing()).append('\n');
  }
}
