package io.gptjava.benchmarks.kernels;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.benchmarks.EnvironmentJson;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Ceilings;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.KernelTime;
import io.gptjava.core.GptConfig;
import java.util.Locale;

/** Shows a {@link KernelBenchmarkResult} to people and to programs. */
public final class KernelBenchmarkReport {
  private static final double GIGA = 1e9;
  private static final double TERA = 1e12;

  private KernelBenchmarkReport() {}

  /** A table of all ops against the ceilings. */
  public static String text(KernelBenchmarkResult result) {
    return KernelText.of(result);
  }

  /** The figures of a sweep: of a single run, or of several under {@code runs}. */
  public static ObjectNode json(KernelSweep sweep) {
    if (sweep.results().size() == 1 && sweep.leftOut().isEmpty()) {
      return json(sweep.results().getFirst());
    }
    ObjectNode root = new ObjectMapper().createObjectNode();
    root.put("benchmark", "kernels");
    root.putArray("runs");
    sweep.results().forEach(result -> root.withArray("runs").add(json(result)));
    root.putArray("left_out");
    sweep.leftOut().forEach(each -> root.withArray("left_out").add(each.text()));
    return root;
  }

  /** The same figures. */
  public static ObjectNode json(KernelBenchmarkResult result) {
    ObjectNode root = new ObjectMapper().createObjectNode();
    root.put("benchmark", "kernels");
    EnvironmentJson.put(root.putObject("environment"), result.environment());
    KernelShapes shapes = result.settings().shapes();
    GptConfig model = shapes.model();
    ObjectNode settings = root.putObject("settings");
    settings.put("type", shapes.type().name().toLowerCase(Locale.ROOT));
    settings.put("precision", result.settings().precision().name().toLowerCase(Locale.ROOT));
    settings.put("batch_size", shapes.batch()).put("sequence_length", shapes.sequence());
    settings.put("width", model.width()).put("layers", model.layers());
    settings.put("heads", model.heads()).put("vocab_size", model.vocabularySize());
    settings.put("dropout", model.dropout());
    settings.put("processes", result.settings().processes());
    settings.put("rotation_bytes", result.settings().rotationBytes());
    root.put("timed_by", result.method());
    root.put("emulated", result.emulated());
    Ceilings best = result.best();
    ObjectNode ceilings = root.putObject("ceilings");
    ceilings.put("copy_gbps", best.bytesPerSecond() / GIGA);
    ceilings.put("copy_bytes", result.settings().copyBytes());
    ceilings.put("matmul_tflops", best.flopsPerSecond() / TERA);
    ceilings.put("matmul_size", result.settings().matmulSize());
    for (Ceilings each : result.ceilings()) {
      ceilings
          .withArray("measured")
          .addObject()
          .put("copy_gbps", each.bytesPerSecond() / GIGA)
          .put("matmul_tflops", each.flopsPerSecond() / TERA);
    }
    root.putArray("kernels");
    for (KernelTime kernel : result.kernels()) {
      ObjectNode node = root.withArray("kernels").addObject();
      node.put("family", kernel.family()).put("name", kernel.name()).put("calls", kernel.calls());
      node.put("ms_median", kernel.timing().median()).put("ms_min", kernel.timing().min());
      node.put("ms_p95", kernel.timing().p95()).put("samples", kernel.timing().count());
      node.put("spread", kernel.timing().spread());
      kernel.timing().sorted().forEach(node.putArray("ms")::add);
      node.put("repetitions", kernel.repetitions());
      node.put("flops", kernel.cost().flops()).put("bytes", kernel.cost().bytes());
      node.put("tflops", kernel.flopsPerSecond() / TERA);
      node.put("gbps", kernel.bytesPerSecond() / GIGA);
      node.put("bound", kernel.memoryBound(best) ? "memory" : "matmul");
      node.put("share", kernel.share(best));
      kernel.noteBelow(KernelText.LOW, best).ifPresent(note -> node.put("note", note));
    }
    for (KernelBenchmarkResult.Skipped skipped : result.skipped()) {
      ObjectNode node = root.withArray("skipped").addObject();
      node.put("family", skipped.family()).put("reason", skipped.reason());
      skipped.names().forEach(node.putArray("names")::add);
    }
    return root;
  }
}
