package io.gptjava.train.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Ops;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.Precision;
import io.gptjava.core.StepInputs;
import io.gptjava.core.Tensor;
import io.gptjava.core.contract.RoundedReferenceBackend;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.data.Batch;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The CPU backend's bf16 gradients point where fp32's do, as nearly as those of a reference that
 * rounds to bf16 at the same points: what passes between ops, pre-activations before GELU,
 * gradients before its derivative, and the residual stream before it is normalised.
 */
class CpuBf16GradientTest {
  private static final GptConfig CONFIG = new GptConfig(131, 32, 64, 2, 2, 0.1f, true, false);
  private static final int BATCH = 2;
  private static final int SEQUENCE = 32;

  /** The rounding reference, with ops that round within themselves taken apart. */
  private static Backend roundingAtTheSamePoints(Backend reference) {
    Ops ops = proxy(Ops.class, (method, a) -> roundedWithin(reference.ops(), method, a));
    return proxy(
        Backend.class,
        (method, a) -> method.getName().equals("ops") ? ops : method.invoke(reference, a));
  }

  private interface Call {
    Object on(Method method, Object[] arguments) throws ReflectiveOperationException;
  }

  private static <T> T proxy(Class<T> type, Call call) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (_, method, arguments) -> call.on(method, arguments)));
  }

  private static Object roundedWithin(Ops ops, Method method, Object[] a)
      throws ReflectiveOperationException {
    switch (method.getName()) {
      case "linearGelu" -> {
        ops.linear((Tensor) a[0], (Tensor) a[1], (Tensor) a[2], (Tensor) a[3]);
        ops.gelu((Tensor) a[3], (Tensor) a[4]);
      }
      case "linearBackwardInput" -> {
        ops.linearBackwardInput((Tensor) a[0], (Tensor) a[1], null, (Tensor) a[3]);
        if (a[2] != null) {
          ops.geluBackward((Tensor) a[2], (Tensor) a[3], (Tensor) a[3]);
        }
      }
      case "residualLayerNorm" -> {
        method.invoke(ops, a);
        ops.layerNorm(
            (Tensor) a[6],
            (Tensor) a[4],
            (Tensor) a[5],
            (Tensor) a[7],
            (Tensor) a[8],
            (Tensor) a[9]);
      }
      default -> {
        return method.invoke(ops, a);
      }
    }
    return null;
  }

  private static GptModel model(Backend backend, Precision precision, float[] masters) {
    GptModel model = new GptModel(backend, CONFIG, precision, BATCH, SEQUENCE, true);
    backend.upload(MemorySegment.ofArray(masters), model.masters());
    model.mastersChanged();
    return model;
  }

  private static void gradients(Backend backend, GptModel model, int step) {
    Random random = new Random(step);
    Batch batch = new Batch(BATCH, SEQUENCE);
    batch.samples(BATCH);
    for (int i = 0; i < BATCH * SEQUENCE; i++) {
      batch.tokens()[i] = random.nextInt(CONFIG.vocabularySize());
      batch.targets()[i] = (batch.tokens()[i] * 7 + 3) % CONFIG.vocabularySize();
    }
    backend.stepControl().begin(new StepInputs(7, step, 3e-3f, 1, 1, batch.targetCount()));
    backend.stepControl().microBatch(0);
    model.load(batch);
    model.forwardBackward(false);
  }

  private static float[] floats(Backend backend, Tensor tensor) {
    float[] values = new float[Math.toIntExact(tensor.count())];
    backend.download(tensor, MemorySegment.ofArray(values));
    return values;
  }

  /** The weights after so many fp32 steps from the usual start. */
  private static float[] trained(Backend backend, int steps) {
    GptModel model = new GptModel(backend, CONFIG, BATCH, SEQUENCE, true);
    new WeightInitializer(Initialization.GPT2, 7, CONFIG.layers())
        .initialize(backend, model.layout(), model.masters());
    OptimizerState state = model.optimizerState(false);
    for (int step = 0; step < steps; step++) {
      gradients(backend, model, step);
      model.clip(state);
      model.update(state, new AdamWSettings(0.9f, 0.95f, 1e-8f, 0.1f));
    }
    return floats(backend, model.masters());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 50})
  void noFurtherFromFp32ThanTheReference(int steps) {
    BackendOptions options = BackendOptions.DEFAULT.withCache(Path.of("target", "cache"));
    try (Backend cpu = Backends.open("cpu", options.withThreads(2));
        Backend reference = new RoundedReferenceBackend()) {
      Backend rounding = roundingAtTheSamePoints(reference);
      float[] masters = trained(reference, steps);
      GptModel exact = model(reference, Precision.FP32, masters);
      GptModel rounded = model(rounding, Precision.BF16, masters);
      GptModel tested = model(cpu, Precision.BF16, masters);
      gradients(reference, exact, steps);
      gradients(rounding, rounded, steps);
      gradients(cpu, tested, steps);
      float[] wanted = floats(reference, exact.gradients().flat());
      float[] allowed = floats(reference, rounded.gradients().flat());
      float[] actual = floats(cpu, tested.gradients().flat());
      int compared = 0;
      for (Parameter p : exact.layout().parameters()) {
        int from = Math.toIntExact(p.offset());
        int end = from + Math.toIntExact(p.count());
        if (p.name().endsWith("c_attn.bias")) {
          // Key biases shift all scores of a query alike: their gradient is rounding errors only.
          int third = (end - from) / 3;
          compare(p.name() + ", queries", wanted, allowed, actual, from, from + third);
          from += 2 * third;
        }
        compare(p.name(), wanted, allowed, actual, from, end);
        compared++;
      }
      assertEquals(exact.layout().parameters().size(), compared);
    }
  }

  private static void compare(
      String name, float[] wanted, float[] allowed, float[] actual, int from, int end) {
    double limit = 2 * distance(wanted, allowed, from, end);
    double distance = distance(wanted, actual, from, end);
    assertTrue(distance <= limit, name + ": 1 − cosine " + distance + ", at most " + limit);
    assertTrue(limit > 0 && limit < 0.01, name + ": " + limit);
  }

  /** 1 − cosine. */
  private static double distance(float[] a, float[] b, int from, int end) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = from; i < end; i++) {
      ab += (double) a[i] * b[i];
      aa += (double) a[i] * a[i];
      bb += (double) b[i] * b[i];
    }
    return 1 - ab / Math.sqrt(aa * bb);
  }
}
