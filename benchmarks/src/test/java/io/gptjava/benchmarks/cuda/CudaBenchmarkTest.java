package io.gptjava.benchmarks.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.benchmarks.DeviceTrainBenchmark;
import io.gptjava.benchmarks.DeviceTrainReport;
import io.gptjava.benchmarks.DeviceTrainResult;
import io.gptjava.benchmarks.StepTimeline;
import io.gptjava.benchmarks.TrainBenchmark;
import io.gptjava.benchmarks.TrainBenchmarkResult.OpShare;
import io.gptjava.benchmarks.TrainPoint;
import io.gptjava.benchmarks.TrainSweep;
import io.gptjava.benchmarks.kernels.KernelBenchmark;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult;
import io.gptjava.benchmarks.kernels.KernelShapes;
import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Precision;
import io.gptjava.core.reference.ReferenceBackend;
import io.gptjava.cuda.CudaBackend;
import io.gptjava.train.ModelFlops;
import io.gptjava.train.config.Recompute;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The benchmarks on CUDA with tiny sizes: that they run and count; on the emulator, no timings. */
class CudaBenchmarkTest {
  private static final GptConfig MODEL = new GptConfig(301, 16, 64, 2, 2, 0.1f, true, true);

  @ParameterizedTest
  @EnumSource(names = {"BF16", "F16"})
  void everyOpIsTimedByDeviceEvents(DType type) {
    BackendOptions options = CudaEmulator.options();
    KernelBenchmarkResult result =
        KernelBenchmark.run(
            () -> new CudaBackend(options),
            KernelBenchmark.Settings.quick(new KernelShapes(MODEL, type, 2, 16), 3),
            "test",
            Optional.empty());
    assertEquals("device events", result.method());
    assertEquals(!Boolean.getBoolean("gpt.cuda.real"), result.emulated());
    assertTrue(result.kernels().size() > 25);
    assertTrue(result.kernels().stream().allMatch(kernel -> kernel.timing().median() >= 0));
  }

  @Test
  void aPointOfASweepSplitsTheStepByDeviceEvents() {
    TrainBenchmark.Settings settings =
        new TrainBenchmark.Settings(MODEL, Precision.BF16, Recompute.BLOCK, 2, 16, 1, 2, 1, 5);
    TrainPoint point;
    try (Backend backend = new CudaBackend(CudaEmulator.options())) {
      point = TrainPoint.measure(backend, settings, Map.of(), "test", Optional.empty());
    }
    assertEquals("device events", point.method());
    assertEquals(2, point.step().count());
    assertTrue(point.passes() > 0 && point.update() > 0);
    TrainSweep sweep = new TrainSweep(List.of(point), List.of());
    assertEquals(!Boolean.getBoolean("gpt.cuda.real"), sweep.emulated());
    assertEquals(sweep.emulated(), sweep.text().contains("these are no timings of a GPU"));
  }

  @ParameterizedTest
  @EnumSource(names = {"BF16", "FP16"})
  void trainingStepsAreTimedOneAhead(Precision precision) throws Exception {
    TrainBenchmark.Settings settings =
        new TrainBenchmark.Settings(MODEL, precision, 2, 16, 2, 3, 1, 5);
    DeviceTrainResult result;
    try (Backend backend = new CudaBackend(CudaEmulator.options())) {
      assertTrue(DeviceTrainBenchmark.suits(backend));
      result = DeviceTrainBenchmark.run(backend, settings, 64, "test", Optional.empty());
    }
    assertEquals(3, result.warmupSteps());
    assertEquals(3, result.step().count());
    // Random tokens: the loss stays near that of a uniform guess.
    assertEquals(Math.log(301), result.finalLoss(), 0.5);
    assertTrue(result.productPeak().orElseThrow() > 0);
    JsonNode json = new ObjectMapper().readTree(DeviceTrainReport.json(result).toString());
    assertEquals(
        precision.name().toLowerCase(Locale.ROOT), json.at("/settings/precision").asText());
    assertEquals(32e3 / result.step().median(), json.path("tokens_per_second").asDouble(), 1e-6);
    assertEquals(
        json.path("mfu_product").asDouble() * json.path("product_tflops").asDouble(),
        json.path("tflops").asDouble(),
        1e-12);
    assertTrue(json.at("/memory_bytes/activations").asLong() > 0);
    assertTrue(DeviceTrainReport.text(result).contains(ModelFlops.FORMULA));
    StepTimeline timeline = result.timeline();
    assertEquals("device events", timeline.method());
    assertEquals(result.ops().stream().mapToInt(OpShare::calls).sum(), timeline.ops().size());
    assertEquals(
        4, timeline.ops().stream().filter(op -> op.name().startsWith("attention")).count());
    for (int i = 1; i < timeline.ops().size(); i++) {
      assertTrue(timeline.ops().get(i).begin() >= timeline.ops().get(i - 1).end());
    }
    assertTrue(DeviceTrainReport.text(result).contains("adamW"));
  }

  @Test
  void hostMemoryIsForTheOtherBenchmark() {
    try (Backend backend = new ReferenceBackend()) {
      assertFalse(DeviceTrainBenchmark.suits(backend));
    }
  }

  @Test
  void usefulWorkOfGpt2IsThatOfItsParametersAndCausalAttention() {
    GptConfig gpt2 = new GptConfig(50_257, 1024, 768, 12, 12, 0, true, true);
    assertEquals(6 * 124_439_808.0 + 6.0 * 12 * 768 * 1024, ModelFlops.perToken(gpt2, 1024));
  }
}
