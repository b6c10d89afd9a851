package io.gptjava.train.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Tensor;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class WeightInitializerTest {
  private static final GptConfig CONFIG = new GptConfig(1000, 64, 64, 2, 2, 0, true, false);

  @Test
  void normalQuantileInvertsTheDistribution() {
    // Φ by Simpson's rule, from 0: an independent way back.
    for (double p : new double[] {1e-9, 1e-5, 0.01, 0.0749, 0.0751, 0.3, 0.5, 0.8, 0.999}) {
      double z = NormalQuantile.of(p);
      int n = 20_000;
      double h = z / n;
      double sum = 1 + Math.exp(-z * z / 2);
      for (int i = 1; i < n; i++) {
        sum += (i % 2 == 0 ? 2 : 4) * Math.exp(-(i * h) * (i * h) / 2);
      }
      assertEquals(p, 0.5 + sum * h / 3 / Math.sqrt(2 * Math.PI), 1e-13);
    }
  }

  @Test
  void gpt2ScalesResidualProjections() {
    check(Initialization.GPT2, "transformer.wte.weight", 0.02, false);
    check(Initialization.GPT2, "lm_head.weight", 0.02, false);
    check(Initialization.GPT2, "transformer.h.1.mlp.c_fc.weight", 0.02, false);
    check(Initialization.GPT2, "transformer.h.1.mlp.c_proj.weight", 0.02 / 2, false);
    check(Initialization.GPT2, "transformer.h.0.attn.c_attn.bias", 0, false);
  }

  @Test
  void pytorchDrawsUnitEmbeddingsAndUniformLinears() {
    check(Initialization.PYTORCH, "transformer.wte.weight", 1, false);
    check(Initialization.PYTORCH, "transformer.wpe.weight", 1, false);
    check(Initialization.PYTORCH, "lm_head.weight", 1 / Math.sqrt(64 * 3), true);
    check(Initialization.PYTORCH, "transformer.h.0.mlp.c_proj.weight", 1 / Math.sqrt(768), true);
    check(Initialization.PYTORCH, "transformer.h.0.attn.c_attn.bias", 1 / Math.sqrt(192), true);
  }

  /** Mean 0, the given standard deviation, and for uniform values its bound √3·σ. */
  private static void check(Initialization kind, String name, double stddev, boolean uniform) {
    try (Backend backend = Backends.open("reference", BackendOptions.DEFAULT)) {
      GptModel model = new GptModel(backend, CONFIG, 1, 1, false);
      new WeightInitializer(kind, 123, CONFIG.layers())
          .initialize(backend, model.layout(), model.masters());
      Parameter parameter = model.layout().parameter(name);
      Tensor tensor = ModelTensors.view(model.masters(), parameter);
      double sum = 0;
      double squares = 0;
      double largest = 0;
      long n = parameter.logicalCount();
      for (long i = 0; i < n; i++) {
        double w = tensor.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
        sum += w;
        squares += w * w;
        largest = Math.max(largest, Math.abs(w));
      }
      assertEquals(0, sum / n, 4.5 * stddev / Math.sqrt(n), name);
      assertEquals(stddev, Math.sqrt(squares / n), 4.5 * stddev / Math.sqrt(n), name);
      if (uniform) {
        assertTrue(largest <= stddev * Math.sqrt(3) * (1 + 1e-6), name);
      }
      for (long i = n; i < tensor.count(); i++) {
        assertEquals(0, tensor.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i), "padding");
      }
    }
  }
}
