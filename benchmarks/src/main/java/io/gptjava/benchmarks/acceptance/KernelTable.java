package io.gptjava.benchmarks.acceptance;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Locale;

/** The kernels of a {@code gpt bench kernels --json} as a Markdown table. */
final class KernelTable {
  private KernelTable() {}

  static void append(StringBuilder text, JsonNode benchmark) {
    JsonNode settings = benchmark.path("settings");
    JsonNode ceilings = benchmark.path("ceilings");
    text.append(
        String.format(
            Locale.ROOT,
            "%s, B=%d, T=%d, by %s%s. Ceilings measured in the same run: copy %.0f GB/s, matrix"
                + " product of %d %.1f TFLOP/s.%n%n",
            settings.path("type").asText(),
            settings.path("batch_size").asInt(),
            settings.path("sequence_length").asInt(),
            benchmark.path("timed_by").asText(),
            benchmark.path("emulated").asBoolean() ? " on the host emulator: NO TIMING" : "",
            ceilings.path("copy_gbps").asDouble(),
            ceilings.path("matmul_size").asInt(),
            ceilings.path("matmul_tflops").asDouble()));
    text.append(
        "| op | calls a step | ms median | min | p95 | TFLOP/s | GB/s | bound | % of it |\n");
    text.append("|---|---:|---:|---:|---:|---:|---:|---|---:|\n");
    double step = 0;
    for (JsonNode kernel : benchmark.path("kernels")) {
      step += kernel.path("calls").asInt() * kernel.path("ms_median").asDouble();
      text.append(
          String.format(
              Locale.ROOT,
              "| %s | %d | %.4f | %.4f | %.4f | %s | %.0f | %s | %.1f |%n",
              kernel.path("name").asText(),
              kernel.path("calls").asInt(),
              kernel.path("ms_median").asDouble(),
              kernel.path("ms_min").asDouble(),
              kernel.path("ms_p95").asDouble(),
              kernel.path("flops").asDouble() > 0
                  ? String.format(Locale.ROOT, "%.1f", kernel.path("tflops").asDouble())
                  : "",
              kernel.path("gbps").asDouble(),
              kernel.path("bound").asText(),
              100 * kernel.path("share").asDouble()));
    }
    text.append(
        String.format(Locale.ROOT, "%nAll calls of a training step together: %.2f ms.%n", step));
  }
}
