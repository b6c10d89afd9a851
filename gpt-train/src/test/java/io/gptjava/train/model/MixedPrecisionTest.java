package io.gptjava.train.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Memory;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.Precision;
import io.gptjava.core.StepInputs;
import io.gptjava.core.Tensor;
import io.gptjava.core.contract.RoundedReferenceBackend;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.data.Batch;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A bf16 model beside the fp32 one, on the reference that rounds to bf16. */
class MixedPrecisionTest {
  private static final GptConfig CONFIG = new GptConfig(61, 24, 32, 2, 2, 0.1f, true, true);
  private static final int BATCH = 2;
  private static final int SEQUENCE = 20;

  private static GptModel model(Backend backend, Precision precision) {
    GptModel model = new GptModel(backend, CONFIG, precision, BATCH, SEQUENCE, true);
    new WeightInitializer(Initialization.GPT2, 7, CONFIG.layers())
        .initialize(backend, model.layout(), model.masters());
    model.mastersChanged();
    return model;
  }

  private static Batch batch(long seed) {
    Random random = new Random(seed);
    Batch batch = new Batch(BATCH, SEQUENCE);
    batch.samples(BATCH);
    for (int i = 0; i < BATCH * SEQUENCE; i++) {
      batch.tokens()[i] = random.nextInt(CONFIG.vocabularySize());
      batch.targets()[i] = (batch.tokens()[i] * 7 + 3) % CONFIG.vocabularySize();
    }
    return batch;
  }

  private static double loss(Backend backend, GptModel model, int step) {
    Batch batch = batch(step);
    backend.stepControl().begin(new StepInputs(7, step, 3e-3f, 1, 1, batch.targetCount()));
    model.load(batch);
    model.forwardBackward(false);
    return backend.stepControl().read().loss();
  }

  private static float[] floats(Tensor tensor) {
    return tensor.segment().toArray(ValueLayout.JAVA_FLOAT);
  }

  /** What one rounding of every weight and activation to 8 bits does, and no more. */
  @Test
  void gradientsPointWhereFp32GradientsDo() {
    try (Backend backend = new RoundedReferenceBackend()) {
      GptModel full = model(backend, Precision.FP32);
      GptModel half = model(backend, Precision.BF16);
      double expected = loss(backend, full, 0);
      assertEquals(expected, loss(backend, half, 0), 0x1p-8 * expected);
      float[] a = floats(full.gradients().flat());
      float[] b = floats(half.gradients().flat());
      for (Parameter p : full.layout().parameters()) {
        double ab = 0;
        double aa = 0;
        double bb = 0;
        for (int i = (int) p.offset(); i < p.offset() + p.count(); i++) {
          ab += (double) a[i] * b[i];
          aa += (double) a[i] * a[i];
          bb += (double) b[i] * b[i];
        }
        double cosine = ab / Math.sqrt(aa * bb);
        assertTrue(cosine > 0.999, p.name() + ": " + cosine);
      }
    }
  }

  @Test
  void tenStepsLearnAndKeepMastersInFp32() {
    try (Backend backend = new RoundedReferenceBackend()) {
      GptModel half = model(backend, Precision.BF16);
      OptimizerState state = half.optimizerState(false);
      AdamWSettings settings = new AdamWSettings(0.9f, 0.95f, 1e-8f, 0.1f);
      double first = loss(backend, half, 0);
      for (int step = 1; step <= 10; step++) {
        half.clip(state);
        half.update(state, settings);
        loss(backend, half, step);
      }
      assertTrue(loss(backend, half, 0) < first - 0.05, "it learns the rule");
      assertEquals(DType.BF16, half.weights().flat().dtype());
      Memory memory = backend.allocate("rounded", half.masters().count() * 2);
      Tensor rounded = Tensor.of(memory, 0, DType.BF16, half.masters().count());
      backend.ops().cast(half.masters(), rounded);
      assertEquals(-1, rounded.segment().mismatch(half.weights().flat().segment()));
      float[] masters = floats(half.masters());
      int finer = 0;
      for (float master : masters) {
        finer += (Float.floatToRawIntBits(master) & 0xFFFF) != 0 ? 1 : 0;
      }
      assertTrue(finer > masters.length / 2, "masters hold more than bf16 does");
    }
  }

  /** A restored model computes with the very weights that the interrupted one did. */
  @Test
  void stochasticRoundingIsRestored() {
    try (Backend backend = new RoundedReferenceBackend()) {
      GptModel model = model(backend, Precision.BF16);
      OptimizerState state = model.optimizerState(false);
      AdamWSettings settings = new AdamWSettings(0.9f, 0.95f, 1e-8f, 0.1f, true);
      for (int step = 0; step < 3; step++) {
        loss(backend, model, step);
        model.clip(state);
        model.update(state, settings);
      }
      GptModel restored = model(backend, Precision.BF16);
      backend.ops().copy(model.masters(), restored.masters());
      restored.mastersChanged();
      assertTrue(differs(model, restored), "rounded by chance, not to nearest");
      restored.mastersRestored(settings, 7, 2);
      assertTrue(differs(model, restored), "another update draws otherwise");
      restored.mastersRestored(settings, 7, 3);
      assertFalse(differs(model, restored));
    }
  }

  private static boolean differs(GptModel one, GptModel other) {
    return one.weights().flat().segment().mismatch(other.weights().flat().segment()) >= 0;
  }
}
