package io.gptjava.benchmarks.baseline;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.benchmarks.Timing;
import io.gptjava.benchmarks.kernels.KernelBenchmarkReport;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Ceilings;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What {@code gpt bench kernels --json} printed once.
 *
 * @param settings shapes and dtype
 * @param processor that it ran on
 * @param backend that it ran on
 * @param ceilings the better of the measurements of each
 * @param ops with all timings
 */
public record KernelBaseline(
    JsonNode settings, String processor, String backend, Ceilings ceilings, List<Op> ops) {
  private static final double GIGA = 1e9;
  private static final double TERA = 1e12;

  /** An op's timings of one call. */
  public record Op(String family, String name, Timing timing) {}

  /** Copies the list. */
  public KernelBaseline {
    ops = List.copyOf(ops);
  }

  /**
   * Reads a file of a single run.
   *
   * @throws GptException with {@link Failure#DATA} if it is not such a file
   */
  static KernelBaseline read(Path file) {
    return readAll(file).getFirst();
  }

  /**
   * Reads a file of one or several runs.
   *
   * @throws GptException with {@link Failure#DATA} if it is not such a file
   */
  public static List<KernelBaseline> readAll(Path file) {
    JsonNode root;
    try {
      root = new ObjectMapper().readTree(Files.readString(file));
    } catch (IOException e) {
      throw bad(file, Files.exists(file) ? "it is not JSON" : "it does not exist");
    }
    if (!"kernels".equals(root.path("benchmark").asText())) {
      throw bad(file, "it is not of gpt bench kernels");
    }
    if (!root.has("runs")) {
      return List.of(of(file, root));
    }
    List<KernelBaseline> runs = new ArrayList<>();
    root.path("runs").forEach(run -> runs.add(of(file, run)));
    if (runs.isEmpty()) {
      throw bad(file, "it has no runs");
    }
    return runs;
  }

  private static KernelBaseline of(Path file, JsonNode root) {
    if (root.path("emulated").asBoolean()) {
      throw bad(file, "it was measured on the host emulator, which is no GPU");
    }
    List<Op> ops = new ArrayList<>();
    for (JsonNode kernel : root.path("kernels")) {
      List<Double> times = new ArrayList<>();
      kernel.path("ms").forEach(time -> times.add(time.asDouble()));
      if (times.isEmpty() || times.stream().anyMatch(time -> !(time > 0))) {
        throw bad(file, "%s has no timings".formatted(kernel.path("name")));
      }
      ops.add(
          new Op(kernel.path("family").asText(), kernel.path("name").asText(), Timing.of(times)));
    }
    JsonNode ceilings = root.path("ceilings");
    double copy = ceilings.path("copy_gbps").asDouble() * GIGA;
    double product = ceilings.path("matmul_tflops").asDouble() * TERA;
    if (!(copy > 0) || !(product > 0)) {
      throw bad(file, "it has no ceilings");
    }
    JsonNode environment = root.path("environment");
    return new KernelBaseline(
        root.path("settings"),
        environment.path("processor").asText(),
        environment.path("backend").asText(),
        new Ceilings(product, copy),
        ops);
  }

  private static GptException bad(Path file, String reason) {
    return new GptException(
        Failure.DATA,
        "--baseline %s cannot be compared with: %s; make one with gpt bench kernels --json"
            .formatted(file, reason));
  }

  /** An op's timings. */
  public Optional<Op> find(String family, String name) {
    return ops.stream()
        .filter(op -> op.family().equals(family) && op.name().equals(name))
        .findAny();
  }

  /**
   * The part of a baseline that measured the same on the same kind of machine as a run.
   *
   * @throws GptException with {@link Failure#DATA} if there is none
   */
  public static KernelBaseline like(
      Path file, List<KernelBaseline> all, KernelBenchmarkResult result) {
    for (KernelBaseline each : all) {
      if (each.difference(result).isEmpty()) {
        return each;
      }
    }
    throw new GptException(
        Failure.DATA,
        "--baseline %s cannot be compared with: %s"
            .formatted(
                file,
                all.size() == 1
                    ? all.getFirst().difference(result).orElseThrow()
                    : "none of its %d runs is of %s on this machine"
                        .formatted(all.size(), result.settings().label())));
  }

  /** What differs first between it and a run, if anything. */
  private Optional<String> difference(KernelBenchmarkResult result) {
    ObjectNode now = KernelBenchmarkReport.json(result);
    Map<String, List<String>> pairs = new LinkedHashMap<>();
    pairs.put("processor", List.of(processor, now.at("/environment/processor").asText()));
    pairs.put("backend", List.of(backend, now.at("/environment/backend").asText()));
    for (Map.Entry<String, JsonNode> field : now.path("settings").properties()) {
      // An older file has the type alone.
      if (!field.getKey().equals("precision") || settings.has("precision")) {
        // Without a number of processes there was one.
        pairs.put(
            field.getKey(),
            List.of(settings.path(field.getKey()).asText("1"), field.getValue().asText()));
      }
    }
    return pairs.entrySet().stream()
        .filter(pair -> !pair.getValue().getFirst().equals(pair.getValue().getLast()))
        .map(
            pair ->
                "its %s is %s, now it is %s"
                    .formatted(
                        pair.getKey().replace('_', ' '),
                        pair.getValue().getFirst(),
                        pair.getValue().getLast()))
        .findFirst();
  }
}
