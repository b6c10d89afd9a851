package io.gptjava.benchmarks.cuda;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.GptConfig;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.Precision;
import io.gptjava.core.StepInputs;
import io.gptjava.core.StepOutputs;
import io.gptjava.core.Tensor;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.data.Batch;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.ModelSize;
import io.gptjava.train.model.WeightInitializer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Training steps of a small GPT on tokens that follow a rule: two micro-batches a step. */
final class SmallTraining {
  /** The textbook's shape: head of its own, no bias in front of attention; head size 32. */
  static final GptConfig TEXTBOOK = new GptConfig(301, 40, 64, 2, 2, 0.1f, false, false);

  /** GPT-2's shape: tied head, biases everywhere; head size 20, which no fast kernel takes. */
  static final GptConfig GPT2 = new GptConfig(301, 40, 60, 2, 3, 0.1f, true, true);

  private static final int BATCH = 2;
  private static final int SEQUENCE = 37;
  private static final int MICRO_BATCHES = 2;
  private static final AdamWSettings ADAMW = new AdamWSettings(0.9f, 0.95f, 1e-8f, 0.1f);

  private final Backend backend;
  private final GptModel model;
  private final OptimizerState optimizer;
  private final Runnable update;
  private int step;

  SmallTraining(Backend backend, GptConfig config, Precision precision) {
    this(backend, config, precision, Recompute.NONE);
  }

  SmallTraining(Backend backend, GptConfig config, Precision precision, Recompute recompute) {
    this.backend = backend;
    model =
        new GptModel(backend, new ModelSize(config, precision, recompute, BATCH, SEQUENCE, true));
    new WeightInitializer(Initialization.GPT2, 7, config.layers())
        .initialize(backend, model.layout(), model.masters());
    model.mastersChanged();
    optimizer = model.optimizerState(false);
    update = backend.recording(this::clipAndUpdate);
  }

  GptModel model() {
    return model;
  }

  private void clipAndUpdate() {
    model.clip(optimizer);
    model.update(optimizer, ADAMW);
  }

  /** The next step. */
  StepOutputs step() {
    List<Batch> batches = new ArrayList<>();
    long targets = 0;
    for (int i = 0; i < MICRO_BATCHES; i++) {
      batches.add(batch(step * MICRO_BATCHES + i));
      targets += batches.get(i).targetCount();
    }
    backend.stepControl().begin(new StepInputs(7, step, 3e-3f, 1, 1, targets));
    for (int i = 0; i < MICRO_BATCHES; i++) {
      backend.stepControl().microBatch(i * BATCH);
      model.load(batches.get(i));
      model.forwardBackward(i > 0);
    }
    update.run();
    step++;
    return backend.stepControl().read();
  }

  private Batch batch(long seed) {
    int vocabulary = model.config().vocabularySize();
    Random random = new Random(seed);
    Batch batch = new Batch(BATCH, SEQUENCE);
    for (int i = 0; i < BATCH * SEQUENCE; i++) {
      batch.tokens()[i] = random.nextInt(vocabulary);
      batch.targets()[i] = (batch.tokens()[i] * 7 + 3) % vocabulary;
    }
    batch.samples(seed % 5 == 4 ? BATCH - 1 : BATCH); // a batch that is not full
    return batch;
  }

  /** Several steps. */
  List<StepOutputs> steps(int count) {
    List<StepOutputs> outputs = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      outputs.add(step());
    }
    return outputs;
  }

  /** Weights, gradients and moments as they are now. */
  List<float[]> state() {
    return List.of(
        floats(optimizer.parameters()),
        floats(optimizer.gradients()),
        floats(optimizer.firstMoment()),
        floats(optimizer.secondMoment()));
  }

  private float[] floats(Tensor tensor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(tensor.byteSize(), 64);
      backend.download(tensor, host);
      return host.toArray(ValueLayout.JAVA_FLOAT);
    }
  }
}
