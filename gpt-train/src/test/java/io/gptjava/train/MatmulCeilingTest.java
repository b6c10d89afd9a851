package io.gptjava.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.GptConfig;
import io.gptjava.core.reference.ReferenceBackend;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.WeightInitializer;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class MatmulCeilingTest {
  @Test
  void measuresAndLeavesTheWeightsAlone() {
    GptConfig config = new GptConfig(61, 8, 16, 1, 2, 0, true, true);
    try (Backend backend = new ReferenceBackend()) {
      GptModel model = new GptModel(backend, config, 2, 8, true);
      new WeightInitializer(Initialization.GPT2, 7, 1)
          .initialize(backend, model.layout(), model.masters());
      float[] before = model.masters().segment().toArray(ValueLayout.JAVA_FLOAT);
      double rate = MatmulCeiling.measure(backend, model);
      assertTrue(rate > 1e6 && rate < 1e11, rate + " FLOP/s of a scalar backend");
      assertArrayEquals(before, model.masters().segment().toArray(ValueLayout.JAVA_FLOAT));
      assertEquals(2 * 16 * 16 * 64, model.largestProductFlops());
    }
  }

  @Test
  void usefulWorkIsCountedByTheFormula() {
    GptConfig gpt2 = new GptConfig(50_257, 1024, 768, 12, 12, 0, true, true);
    assertEquals(6 * 124_439_808.0 + 6.0 * 12 * 1024 * 768, ModelFlops.perToken(gpt2, 1024));
  }
}
