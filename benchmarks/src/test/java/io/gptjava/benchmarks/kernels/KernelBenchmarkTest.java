package io.gptjava.benchmarks.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.benchmarks.OpCost;
import io.gptjava.benchmarks.Timing;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.Ceilings;
import io.gptjava.benchmarks.kernels.KernelBenchmarkResult.KernelTime;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import io.gptjava.core.reference.ReferenceBackend;
import io.gptjava.train.model.GptModel;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Tiny shapes: what is called and counted, and that figures agree; no times. */
final class KernelBenchmarkTest {
  private static final GptConfig MODEL = new GptConfig(37, 8, 12, 2, 3, 0.1f, false, true);
  private static final KernelShapes SHAPES = new KernelShapes(MODEL, DType.F32, 2, 7);

  private static KernelBenchmarkResult run(String backend, String only) {
    KernelBenchmark.Settings settings =
        KernelBenchmark.Settings.quick(SHAPES, 3).withOnly(Pattern.compile(only));
    return KernelBenchmark.run(
        () -> Backends.open(backend, BackendOptions.DEFAULT), settings, "test", Optional.empty());
  }

  @Test
  void callsOfAStepAreThoseThatTheModelMakes() {
    KernelBenchmarkResult result = run("cpu", "");
    List<String> issued = new ArrayList<>();
    try (ReferenceBackend reference = new ReferenceBackend()) {
      CountedBackend counted = new CountedBackend(reference, issued);
      new GptModel(counted, MODEL, 2, 7, true).forwardBackward(false);
    }
    var step =
        result.kernels().stream()
            .filter(kernel -> kernel.calls() > 0 && !kernel.family().equals("optimizer"))
            .collect(
                Collectors.groupingBy(
                    kernel -> kernel.name().split(" ")[0],
                    Collectors.summingInt(KernelTime::calls)));
    assertEquals(
        issued.stream().collect(Collectors.groupingBy(op -> op, Collectors.summingInt(_ -> 1))),
        step);
    assertTrue(result.kernels().stream().allMatch(kernel -> kernel.timing().median() > 0));
    assertEquals("host clock", result.method());
    assertFalse(result.emulated());
  }

  @Test
  void onlySomeOps() {
    KernelBenchmarkResult result = run("cpu", "^(head|attention attentionB)");
    assertEquals(
        List.of("attentionBackward", "headCrossEntropy", "headCrossEntropy,"),
        result.kernels().stream().map(kernel -> kernel.name().split(" ")[0]).toList());
  }

  @Test
  void groupsThatDoNotFitAreSkippedWithTheReason() {
    KernelBenchmark.Settings settings =
        KernelBenchmark.Settings.quick(SHAPES, 3).withOnly(Pattern.compile("gelu|adamW"));
    long needed;
    try (ReferenceBackend backend = new ReferenceBackend()) {
      KernelPlan plan = KernelPlan.of(backend, settings);
      assertEquals(3, plan.groups().size(), "linear layers with GELU, element-wise ops, AdamW");
      needed = plan.groups().getLast().bytes();
      assertTrue(needed > 16 * MODEL.parameterCount(), "weights, gradients and two moments");
      assertTrue(needed > plan.groups().getFirst().bytes(), "the others are smaller");
    }
    KernelBenchmarkResult result =
        KernelBenchmark.run(
            () -> Backends.open("cpu", BackendOptions.DEFAULT),
            settings,
            () -> OptionalLong.of(needed - 1),
            "test",
            Optional.empty());
    assertEquals(
        List.of("linearBackwardInput gelu out 14x48x12", "gelu", "geluBackward"),
        result.kernels().stream().map(KernelTime::name).toList());
    assertEquals(1, result.skipped().size());
    assertEquals(List.of("adamW"), result.skipped().getFirst().names());
    assertTrue(KernelBenchmarkReport.text(result).contains("skipped: adamW: the group's"));
    assertEquals(1, KernelBenchmarkReport.json(result).path("skipped").size());
  }

  @Test
  void shareIsTheSlowerCeilingOverTheTime() {
    Ceilings ceilings = new Ceilings(1000, 100);
    KernelTime kernel =
        new KernelTime("f", "op", 3, new OpCost(500, 20), 1, Timing.of(List.of(1000.0)));
    assertEquals(0.5, kernel.share(ceilings));
    assertFalse(kernel.memoryBound(ceilings));
    assertEquals(3000, kernel.stepMilliseconds());
    KernelTime moving =
        new KernelTime("f", "op", 3, new OpCost(0, 20), 1, Timing.of(List.of(400.0)));
    assertEquals(0.5, moving.share(ceilings));
    assertTrue(moving.memoryBound(ceilings));
    assertEquals(50, moving.bytesPerSecond());
  }

  @Test
  void batchesLastAsLongAsAsked() {
    try (ReferenceBackend backend = new ReferenceBackend()) {
      List<Integer> indices = new ArrayList<>();
      KernelSampler.Sample sample =
          new KernelSampler(backend, new FixedTimer(indices), 3, 8, 5).sample(indices::add);
      // Each call counts one millisecond: 8 of them make a batch.
      assertEquals(List.of(0, 1, 2, 3, 4), indices.subList(0, 5), "five of them warm up");
      assertEquals(8, sample.repetitions());
      assertEquals(Timing.of(List.of(1.0, 1.0, 1.0)), sample.timing());
      assertEquals(
          List.of(0, 1, 2, 3, 4, 5, 6, 7), indices.subList(indices.size() - 8, indices.size()));
    }
  }

  @Test
  void operandsRotateAndAreRandom() {
    try (ReferenceBackend backend = new ReferenceBackend()) {
      CaseOperands operands = new CaseOperands(backend, 1000, 5);
      assertEquals(4, operands.sets(250, () -> "").size());
      assertEquals(1, operands.sets(4000, () -> "").size());
      var weights = operands.weights(DType.F32, 3, 5);
      float[] values = weights.segment().toArray(ValueLayout.JAVA_FLOAT);
      for (float value : values) {
        assertTrue(value != 0 && Math.abs(value) <= 0.04f);
      }
      var halves = operands.activations(DType.F16, 9).segment();
      for (short half : halves.toArray(ValueLayout.JAVA_SHORT)) {
        assertTrue(half != 0 && Math.abs(Float.float16ToFloat(half)) <= 1);
      }
      assertThrows(IllegalArgumentException.class, () -> operands.activations(DType.I32, 2));
    }
  }

  @Test
  void jsonAndTextSayTheSame() throws Exception {
    KernelBenchmarkResult result = run("cpu", "optimizer");
    JsonNode json = new ObjectMapper().readTree(KernelBenchmarkReport.json(result).toString());
    assertEquals(2, json.path("kernels").size());
    JsonNode adamW = json.at("/kernels/1");
    assertEquals("adamW", adamW.path("name").textValue());
    assertEquals(28.0 * MODEL.parameterCount(), adamW.path("bytes").doubleValue());
    assertEquals(
        28e-6 * MODEL.parameterCount() / adamW.path("ms_median").doubleValue(),
        adamW.path("gbps").doubleValue(),
        1e-9);
    assertEquals(2, json.at("/ceilings/measured").size());
    assertEquals("f32", json.at("/settings/type").textValue());
    String text = KernelBenchmarkReport.text(result);
    assertTrue(text.contains("adamW") && text.contains("globalGradientNorm"), text);
  }
}
