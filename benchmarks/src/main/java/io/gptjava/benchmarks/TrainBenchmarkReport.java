package io.gptjava.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.benchmarks.TrainBenchmarkResult.Floor;
import io.gptjava.benchmarks.TrainBenchmarkResult.MatmulRate;
import io.gptjava.benchmarks.TrainBenchmarkResult.OpShare;
import io.gptjava.core.GptConfig;
import io.gptjava.train.run.Environment;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** Shows a {@link TrainBenchmarkResult} to people and to programs. */
public final class TrainBenchmarkReport {
  private static final double GIGA = 1e9;

  private final TrainBenchmarkResult result;
  private final StringBuilder text = new StringBuilder();

  private TrainBenchmarkReport(TrainBenchmarkResult result) {
    this.result = result;
  }

  /** Summary, matrix products alone, and every op within a step against the roofline. */
  public static String text(TrainBenchmarkResult result) {
    TrainBenchmarkReport report = new TrainBenchmarkReport(result);
    report.summary();
    report.matmuls();
    report.ops();
    return report.text.toString();
  }

  private void line(String format, Object... arguments) {
    text.append(String.format(Locale.ROOT, format, arguments).stripTrailing()).append('\n');
  }

  private void summary() {
    TrainBenchmark.Settings settings = result.settings();
    Environment environment = result.environment();
    Floor floor = result.floor();
    Timing step = result.step();
    line(
        "training step: %,d parameters, %d x %d tokens, %s",
        settings.model().parameterCount(),
        settings.batch(),
        settings.sequence(),
        settings.precision().name().toLowerCase(Locale.ROOT));
    line(
        "%s; %s; %s; gpt-java %s%s",
        environment.backend(),
        environment.processor().orElse(environment.system()),
        environment.jdk(),
        environment.version(),
        environment.commit().map(commit -> " (" + commit + ")").orElse(""));
    line("");
    line(
        "step    median %.1f ms, min %.1f, p95 %.1f (%d steps after %d to warm up): %.1f tokens/s",
        step.median(),
        step.min(),
        step.p95(),
        step.count(),
        result.warmupSteps(),
        result.tokensPerSecond());
    line(
        "floor   %.1f ms = matmul %.1f (%.1f GFLOP at %.1f GFLOP/s) + AdamW %.1f (%.2f GB at %.1f GB/s)",
        floor.milliseconds(),
        floor.gemmMilliseconds(),
        floor.gemmFlops() / GIGA,
        floor.gemmPeak() / GIGA,
        floor.adamWMilliseconds(),
        floor.adamWBytes() / GIGA,
        floor.bytesPerSecond() / GIGA);
    line("ratio   %.3f (goal: at most %.2f)", result.ratio(), TrainBenchmarkResult.GOAL);
    line(
        "machine %.1f GFLOP/s of multiply-adds (best product, %s: %.0f %%), %.1f GB/s in AdamW's mix",
        result.machine().flopsPerSecond() / GIGA,
        floor.gemmPeakName(),
        100 * floor.gemmPeak() / result.machine().flopsPerSecond(),
        result.machine().bytesPerSecond() / GIGA);
    result
        .peakBytes()
        .ifPresent(bytes -> line("memory  %.2f GB peak resident while training", bytes / GIGA));
  }

  private void matmuls() {
    line("");
    line("matrix products alone    rows x inputs x outputs  calls  ms/call  GFLOP/s   %% FMA");
    double peak = result.machine().flopsPerSecond();
    for (MatmulRate rate : result.matmuls()) {
      StepMatmul m = rate.matmul();
      line(
          "  %-22s %23s %6d %8.3f %8.1f %7.1f",
          m.name(),
          "%d x %d x %d".formatted(m.rows(), m.inputs(), m.outputs()),
          m.count(),
          rate.milliseconds(),
          rate.flopsPerSecond() / GIGA,
          100 * rate.flopsPerSecond() / peak);
    }
    line(
        "  %-53s %17.1f %7.1f",
        "median", result.medianMatmulRate() / GIGA, 100 * result.medianMatmulRate() / peak);
  }

  private void ops() {
    line("");
    line(
        "ops within a step                    calls       ms   %% step  GFLOP/s     GB/s  %% roofline");
    Map<String, Double> families = new LinkedHashMap<>();
    for (OpShare op : result.ops()) {
      families.merge(op.family(), op.milliseconds(), Double::sum);
    }
    double whole = result.profiledStepMilliseconds();
    double inOps = 0;
    for (Map.Entry<String, Double> family : families.entrySet()) {
      inOps += family.getValue();
      line(
          "%-42s %8.2f %8.1f", family.getKey(), family.getValue(), 100 * family.getValue() / whole);
      result.ops().stream().filter(op -> op.family().equals(family.getKey())).forEach(this::op);
    }
    line("%-42s %8.2f %8.1f", "outside ops", whole - inOps, 100 * (whole - inOps) / whole);
    line("%-42s %8.2f", "step, ops timed", whole);
    line("Roofline: the shortest time that the machine's two ceilings allow over the time taken;");
    line("above 100 where tensors stay in cache.");
  }

  private void op(OpShare op) {
    line(
        "  %-34s %5d %8.2f %8.1f %8s %8.1f %11.1f",
        op.name(),
        op.calls(),
        op.milliseconds(),
        100 * op.milliseconds() / result.profiledStepMilliseconds(),
        op.cost().flops() > 0
            ? String.format(Locale.ROOT, "%.1f", op.flopsPerSecond() / GIGA)
            : "-",
        op.bytesPerSecond() / GIGA,
        100 * op.roofline(result.machine()));
  }

  /** The same figures: times in ms, rates in GFLOP/s and GB/s. */
  public static ObjectNode json(TrainBenchmarkResult result) {
    ObjectNode root = new ObjectMapper().createObjectNode();
    root.put("benchmark", "train");
    EnvironmentJson.put(root.putObject("environment"), result.environment());
    settings(root.putObject("settings"), result.settings());
    Timing step = result.step();
    root.put("warmup_steps", result.warmupSteps());
    root.put("steps", step.count());
    root.put("step_ms_median", step.median());
    root.put("step_ms_min", step.min());
    root.put("step_ms_p95", step.p95());
    root.put("tokens_per_second", result.tokensPerSecond());
    root.put("final_loss", result.finalLoss());
    floor(root.putObject("floor"), result.floor());
    root.put("ratio", result.ratio());
    root.put("goal", TrainBenchmarkResult.GOAL);
    root.put("fma_gflops", result.machine().flopsPerSecond() / GIGA);
    root.put("memory_gbps", result.machine().bytesPerSecond() / GIGA);
    result.peakBytes().ifPresent(bytes -> root.put("peak_resident_bytes", bytes));
    root.put("matmul_gflops_median", result.medianMatmulRate() / GIGA);
    for (MatmulRate rate : result.matmuls()) {
      matmul(root.withArray("matmuls").addObject(), rate);
    }
    root.put("profiled_step_ms", result.profiledStepMilliseconds());
    for (OpShare op : result.ops()) {
      op(root, op).put("roofline", op.roofline(result.machine()));
    }
    return root;
  }

  /** Adds an op to a result's list of them. */
  static ObjectNode op(ObjectNode root, OpShare op) {
    return root.withArray("ops")
        .addObject()
        .put("family", op.family())
        .put("name", op.name())
        .put("calls", op.calls())
        .put("ms", op.milliseconds())
        .put("gflops", op.flopsPerSecond() / GIGA)
        .put("gbps", op.bytesPerSecond() / GIGA);
  }

  static void settings(ObjectNode node, TrainBenchmark.Settings settings) {
    GptConfig model = settings.model();
    node.put("parameters", model.parameterCount());
    node.put("precision", settings.precision().name().toLowerCase(Locale.ROOT));
    node.put("recompute", settings.recompute().name().toLowerCase(Locale.ROOT));
    node.put("vocab_size", model.vocabularySize()).put("context_length", model.contextLength());
    node.put("width", model.width()).put("layers", model.layers()).put("heads", model.heads());
    node.put("dropout", model.dropout()).put("qkv_bias", model.qkvBias());
    node.put("tie_embeddings", model.tieEmbeddings());
    node.put("batch_size", settings.batch()).put("sequence_length", settings.sequence());
    node.put("seed", settings.seed());
  }

  private static void floor(ObjectNode node, Floor floor) {
    node.put("ms", floor.milliseconds());
    node.put("matmul_ms", floor.gemmMilliseconds()).put("matmul_gflop", floor.gemmFlops() / GIGA);
    node.put("matmul_peak_gflops", floor.gemmPeak() / GIGA);
    node.put("matmul_peak", floor.gemmPeakName());
    node.put("adamw_ms", floor.adamWMilliseconds()).put("adamw_gb", floor.adamWBytes() / GIGA);
  }

  private static void matmul(ObjectNode node, MatmulRate rate) {
    StepMatmul m = rate.matmul();
    node.put("name", m.name()).put("rows", m.rows()).put("inputs", m.inputs());
    node.put("outputs", m.outputs()).put("calls", m.count());
    node.put("ms", rate.milliseconds()).put("gflops", rate.flopsPerSecond() / GIGA);
  }
}
