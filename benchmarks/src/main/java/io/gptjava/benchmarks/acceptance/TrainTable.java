package io.gptjava.benchmarks.acceptance;

import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.benchmarks.Timing;
import io.gptjava.train.ModelFlops;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;

/**
 * Training steps of {@code gpt bench train --json} beside those of {@code pytorch_gpt2.py}: medians
 * over the rounds, by batch size.
 */
final class TrainTable {
  private static final double DATASHEET_TFLOPS = 989;

  private final StringBuilder text;
  private final OptionalDouble product;

  private TrainTable(StringBuilder text, OptionalDouble product) {
    this.text = text;
    this.product = product;
  }

  /** The rounds of one program at one batch size. */
  private record Rounds(List<JsonNode> lines) {
    double median(String field) {
      return Timing.of(values(field)).median();
    }

    List<Double> values(String field) {
      return lines.stream().map(line -> line.path(field).asDouble()).toList();
    }

    /** Largest less smallest median step over the rounds, relative to their median. */
    double spread() {
      Timing timing = Timing.of(values("step_ms_median"));
      return (timing.max() - timing.min()) / timing.median();
    }
  }

  static void append(StringBuilder text, List<JsonNode> ours, List<JsonNode> peers) {
    OptionalDouble product =
        ours.stream()
            .filter(line -> line.has("product_tflops"))
            .mapToDouble(line -> line.path("product_tflops").asDouble())
            .max();
    new TrainTable(text, product).table(ours, peers);
  }

  private void line(String format, Object... arguments) {
    text.append(String.format(Locale.ROOT, format, arguments).stripTrailing()).append('\n');
  }

  private void table(List<JsonNode> ours, List<JsonNode> peers) {
    Map<Integer, Map<String, Rounds>> byBatch = new TreeMap<>();
    for (JsonNode step : ours) {
      add(byBatch, step.at("/settings/batch_size").asInt(), "gpt-java", step);
    }
    for (JsonNode step : peers) {
      String name =
          "PyTorch %s %s, %s, %s"
              .formatted(
                  step.path("torch").asText(),
                  step.path("mode").asText(),
                  step.path("attention").asText(),
                  step.path("weights").asText());
      add(byBatch, step.path("batch_size").asInt(), name, step);
    }
    line(
        "MFU by %s, of %.0f TFLOP/s (data sheet)%s.",
        ModelFlops.FORMULA,
        DATASHEET_TFLOPS,
        product.isPresent()
            ? String.format(
                Locale.ROOT, " and of %.0f TFLOP/s (product measured here)", product.getAsDouble())
            : "");
    line("");
    line("| B | program | rounds | ms median | spread | tokens/s | TFLOP/s | MFU | MFU measured |");
    line("|---:|---|---:|---:|---:|---:|---:|---:|---:|");
    byBatch.forEach((batch, programs) -> programs.forEach((name, r) -> row(batch, name, r)));
    line("");
    byBatch.forEach(this::comparison);
    for (JsonNode step : peers) {
      if (step.has("error")) {
        String which =
            step.has("batch_size")
                ? "B=%s, PyTorch %s %s"
                    .formatted(
                        step.path("batch_size").asText(),
                        step.path("mode").asText(),
                        step.path("attention").asText())
                : "PyTorch";
        line("- %s: %s", which, step.path("error").asText());
      }
    }
  }

  private static void add(
      Map<Integer, Map<String, Rounds>> byBatch, int batch, String name, JsonNode step) {
    if (step.has("step_ms_median")) {
      byBatch
          .computeIfAbsent(batch, _ -> new LinkedHashMap<>())
          .computeIfAbsent(name, _ -> new Rounds(new ArrayList<>()))
          .lines()
          .add(step);
    }
  }

  private void row(int batch, String name, Rounds rounds) {
    boolean counted = rounds.lines().getFirst().has("tflops");
    double tflops = rounds.median("tflops");
    line(
        "| %d | %s | %d | %.2f | %.1f %% | %,.0f | %s | %s | %s |",
        batch,
        name,
        rounds.lines().size(),
        rounds.median("step_ms_median"),
        100 * rounds.spread(),
        rounds.median("tokens_per_second"),
        counted ? String.format(Locale.ROOT, "%.1f", tflops) : "",
        counted ? percent(tflops / DATASHEET_TFLOPS) : "",
        counted && product.isPresent() ? percent(tflops / product.getAsDouble()) : "");
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }

  /** Ours against each of the peers. */
  private void comparison(int batch, Map<String, Rounds> programs) {
    Rounds ours = programs.get("gpt-java");
    if (ours == null) {
      return;
    }
    programs.forEach(
        (name, rounds) -> {
          if (rounds != ours) {
            double ratio = rounds.median("step_ms_median") / ours.median("step_ms_median");
            line("- B=%d: gpt-java is %.2f× %s", batch, ratio, name);
          }
        });
  }
}
