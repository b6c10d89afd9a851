package io.gptjava.benchmarks.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.GptConfig;
import io.gptjava.core.Precision;
import io.gptjava.cuda.CudaBackend;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.model.Decoder;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.MemoryPlan;
import io.gptjava.train.model.MemoryPlan.Role;
import io.gptjava.train.model.ModelSize;
import io.gptjava.train.run.MemoryForecast;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Memory on CUDA: what is planned is what the device gives. */
class CudaMemoryTest {
  private static final double GIB = 1L << 30;

  /** Steps included: nothing comes later that the plan does not know. */
  @ParameterizedTest
  @CsvSource({"FP32, NONE", "FP32, BLOCK", "BF16, NONE", "BF16, GELU", "BF16, BLOCK", "FP16, GELU"})
  void theDeviceGivesWhatIsForecast(Precision precision, Recompute recompute) {
    try (CudaBackend cuda = new CudaBackend(CudaEmulator.options())) {
      long before = cuda.availableBytes().orElseThrow();
      SmallTraining training =
          new SmallTraining(cuda, SmallTraining.TEXTBOOK, precision, recompute);
      try (Decoder decoder =
          new Decoder(cuda, SmallTraining.TEXTBOOK, training.model().weights())) {
        training.steps(3);
        long given = before - cuda.availableBytes().orElseThrow();
        long forecast = MemoryForecast.bytes(cuda.ops(), training.model().size());
        assertEquals(given, forecast, 0.03 * given, decoder.config().toString());
      }
    }
  }

  /** The budgets of GPT-2 124M at 64 × 1024 tokens in bf16. */
  @ParameterizedTest
  @CsvSource({"NONE, 19.5", "GELU, 15.4", "BLOCK, 4.1"})
  void gpt2FitsItsBudgetOfActivations(Recompute recompute, double mostGib) {
    GptConfig gpt2 = new GptConfig(50_257, 1024, 768, 12, 12, 0, true, true);
    ModelSize size = new ModelSize(gpt2, Precision.BF16, recompute, 64, 1024, true);
    try (CudaBackend cuda = new CudaBackend(CudaEmulator.options())) {
      MemoryPlan plan = GptModel.plan(cuda.ops(), size);
      double gib = (plan.bytes(Role.ACTIVATIONS) + plan.bytes(Role.WORKSPACE)) / GIB;
      assertTrue(gib <= mostGib, "%.2f GiB with %s".formatted(gib, recompute));
      assertTrue(gib > 0.7 * mostGib, "%.2f GiB: the budget can be lower".formatted(gib));
    }
  }
}
