package io.gptjava.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.train.ModelFlops;
import io.gptjava.train.model.MemoryPlan;
import java.util.Locale;

/** Shows a {@link DeviceTrainResult} to people and to programs. */
public final class DeviceTrainReport {
  private static final double TERA = 1e12;
  private static final double GIB = 1L << 30;

  private DeviceTrainReport() {}

  /** Some lines. */
  public static String text(DeviceTrainResult result) {
    StringBuilder text = new StringBuilder();
    TrainBenchmark.Settings settings = result.settings();
    line(
        text,
        "training step: %,d parameters, %d x %d tokens, %s",
        settings.model().parameterCount(),
        settings.batch(),
        settings.sequence(),
        settings.precision().name().toLowerCase(Locale.ROOT));
    line(text, "%s; gpt-java %s", result.environment().backend(), result.environment().version());
    line(text, "");
    Timing step = result.step();
    line(
        text,
        "step    median %.2f ms, min %.2f, p95 %.2f (%d steps after %d to warm up): %,.0f tokens/s",
        step.median(),
        step.min(),
        step.p95(),
        step.count(),
        result.warmupSteps(),
        result.tokensPerSecond());
    line(
        text,
        "start   first step done %.1f s after launch; it took %.0f ms",
        result.launchSeconds(),
        result.firstStepMilliseconds());
    line(
        text,
        "rate    %.1f TFLOP/s of useful work: %s",
        result.flopsPerSecond() / TERA,
        ModelFlops.FORMULA);
    result
        .datasheetPeak()
        .ifPresent(peak -> utilisation(text, result, peak, "the data sheet's dense rate"));
    result
        .productPeak()
        .ifPresent(peak -> utilisation(text, result, peak, "a large product measured here"));
    line(text, "memory  %.2f GiB planned on the device", result.memory().totalBytes() / GIB);
    line(
        text,
        "loss    %.4f after %d steps",
        result.finalLoss(),
        result.warmupSteps() + step.count());
    ops(text, result);
    return text.toString();
  }

  private static void ops(StringBuilder text, DeviceTrainResult result) {
    double whole = result.timeline().milliseconds();
    text.append('\n').append(OpTable.text(result.ops(), whole));
    if (Emulator.runs(result.environment().backend())) {
      line(text, Emulator.CAUTION);
    }
    line(
        text,
        "step by %s %.3f ms; the graph that training replays has no gaps between ops",
        result.timeline().method(),
        whole);
  }

  private static void utilisation(
      StringBuilder text, DeviceTrainResult result, double peak, String of) {
    double share = 100 * result.flopsPerSecond() / peak;
    line(text, "MFU     %.1f %% of %.0f TFLOP/s, %s", share, peak / TERA, of);
  }

  private static void line(StringBuilder text, String format, Object... arguments) {
    text.append(String.format(Locale.ROOT, format, arguments).stripTrailing()).append('\n');
  }

  /** The same figures. */
  public static ObjectNode json(DeviceTrainResult result) {
    ObjectNode root = new ObjectMapper().createObjectNode();
    root.put("benchmark", "train");
    EnvironmentJson.put(root.putObject("environment"), result.environment());
    TrainBenchmarkReport.settings(root.putObject("settings"), result.settings());
    Timing step = result.step();
    root.put("warmup_steps", result.warmupSteps());
    root.put("steps", step.count());
    root.put("step_ms_median", step.median());
    root.put("step_ms_min", step.min());
    root.put("step_ms_p95", step.p95());
    root.put("tokens_per_second", result.tokensPerSecond());
    root.put("first_step_ms", result.firstStepMilliseconds());
    root.put("launch_seconds", result.launchSeconds());
    root.put("final_loss", result.finalLoss());
    root.put("flops_formula", ModelFlops.FORMULA);
    root.put("tflops", result.flopsPerSecond() / TERA);
    result
        .datasheetPeak()
        .ifPresent(
            peak ->
                root.put("datasheet_tflops", peak / TERA)
                    .put("mfu_datasheet", result.flopsPerSecond() / peak));
    result
        .productPeak()
        .ifPresent(
            peak ->
                root.put("product_tflops", peak / TERA)
                    .put("mfu_product", result.flopsPerSecond() / peak));
    root.put("profiled_step_ms", result.timeline().milliseconds());
    result.ops().forEach(op -> TrainBenchmarkReport.op(root, op));
    ObjectNode memory = root.putObject("memory_bytes");
    for (MemoryPlan.Role role : MemoryPlan.Role.values()) {
      memory.put(MemoryPlan.name(role), result.memory().bytes(role));
    }
    return root;
  }
}
