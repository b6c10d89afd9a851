package io.gptjava.train.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Ops;
import io.gptjava.core.Precision;
import io.gptjava.core.StepInputs;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.data.Batch;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DocumentAttentionTest {
  private static final GptConfig CONFIG = new GptConfig(11, 8, 8, 2, 2, 0, true, false);
  private static final int FIRST_OF_SECOND = 4;

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void whatALaterDocumentLearnsDoesNotDependOnAnEarlierOne(String name) {
    try (Backend backend = Backends.open(name, BackendOptions.DEFAULT.withThreads(2))) {
      for (Recompute recompute : new Recompute[] {Recompute.NONE, Recompute.BLOCK}) {
        float[] one = step(backend, recompute, true, 1);
        float[] other = step(backend, recompute, true, 2);
        assertEquals(one[0], other[0], "loss");
        assertTrue(Arrays.equals(one, other), "gradients");
        float[] joined = step(backend, recompute, false, 1);
        assertNotEquals(joined[0], step(backend, recompute, false, 2)[0]);
        assertNotEquals(joined[0], one[0]);
      }
    }
  }

  /** Loss and gradients but the embeddings' of a row whose second document alone counts. */
  private static float[] step(Backend backend, Recompute recompute, boolean apart, int first) {
    ModelSize size = new ModelSize(CONFIG, Precision.FP32, recompute, 1, 8, apart, true);
    GptModel model = new GptModel(backend, size);
    new WeightInitializer(Initialization.GPT2, 3, 2)
        .initialize(backend, model.layout(), model.masters());
    Batch batch = new Batch(1, 8);
    batch.samples(1);
    for (int t = 0; t < 8; t++) {
      boolean second = t >= FIRST_OF_SECOND;
      batch.tokens()[t] = t == FIRST_OF_SECOND ? 10 : second ? t : first;
      batch.targets()[t] = second ? t : Ops.IGNORED_TARGET;
      batch.firstVisible()[t] = second ? FIRST_OF_SECOND : 0;
    }
    backend.stepControl().begin(new StepInputs(1, 0, 0, 0, 1, batch.targetCount()));
    model.load(batch);
    model.forwardBackward(false);
    float loss = (float) backend.stepControl().read().loss();
    MemorySegment block = MemorySegment.ofArray(new float[8 * 24]);
    backend.download(model.gradients().blocks().get(1).qkvWeight(), block);
    float[] result = new float[1 + 8 * 24];
    result[0] = loss;
    MemorySegment.copy(block, ValueLayout.JAVA_FLOAT, 0, result, 1, 8 * 24);
    return result;
  }
}
