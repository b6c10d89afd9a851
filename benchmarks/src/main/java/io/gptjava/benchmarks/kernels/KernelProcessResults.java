package io.gptjava.benchmarks.kernels;

import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.benchmarks.OpCost;
import io.gptjava.benchmarks.Timing;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Ceilings;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.KernelTime;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Skipped;
import io.gptjava.train.run.Environment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The same measurement made by several processes, as one: each op's timings are the processes'
 * medians, so that its spread is that from process to process.
 */
public final class KernelProcessResults {
  private static final double GIGA = 1e9;
  private static final double TERA = 1e12;

  private KernelProcessResults() {}

  /**
   * Combines.
   *
   * @param settings of all of them
   * @param results what {@link KernelBenchmarkReport#json(KernelBenchmarkResult)} made of each; at
   *     least one, with the same ops
   */
  public static KernelBenchmarkResult combined(
      KernelBenchmark.Settings settings,
      List<JsonNode> results,
      String version,
      Optional<String> commit) {
    JsonNode first = results.getFirst();
    List<Ceilings> ceilings = new ArrayList<>();
    for (JsonNode result : results) {
      for (JsonNode each : result.at("/ceilings/measured")) {
        ceilings.add(
            new Ceilings(
                each.path("matmul_tflops").asDouble() * TERA,
                each.path("copy_gbps").asDouble() * GIGA));
      }
    }
    List<KernelTime> kernels = new ArrayList<>();
    for (int i = 0; i < first.path("kernels").size(); i++) {
      int index = i;
      List<Double> medians =
          results.stream()
              .map(result -> result.path("kernels").path(index).path("ms_median").asDouble())
              .toList();
      JsonNode kernel = first.path("kernels").path(i);
      kernels.add(
          new KernelTime(
              kernel.path("family").asText(),
              kernel.path("name").asText(),
              kernel.path("calls").asInt(),
              new OpCost(kernel.path("flops").asDouble(), kernel.path("bytes").asDouble()),
              kernel.path("repetitions").asInt(),
              Timing.of(medians),
              note(results, index)));
    }
    List<Skipped> skipped = new ArrayList<>();
    for (JsonNode each : first.path("skipped")) {
      List<String> names = new ArrayList<>();
      each.path("names").forEach(name -> names.add(name.asText()));
      skipped.add(new Skipped(each.path("family").asText(), names, each.path("reason").asText()));
    }
    return new KernelBenchmarkResult(
        settings,
        Environment.current(version, commit, first.at("/environment/backend").asText()),
        first.path("timed_by").asText(),
        first.path("emulated").asBoolean(),
        ceilings,
        kernels,
        skipped);
  }

  /** The note of the processes in which the op had one. */
  private static String note(List<JsonNode> results, int index) {
    return results.stream()
        .map(result -> result.path("kernels").path(index).path("note").asText())
        .filter(note -> !note.isEmpty())
        .findFirst()
        .orElse("");
  }
}
