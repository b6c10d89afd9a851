package io.gptjava.benchmarks;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Memory;
import io.gptjava.core.Tensor;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.MemoryPlan;
import io.gptjava.train.run.Environment;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SplittableRandom;

/**
 * Times whole training steps on random tokens on a backend with memory of its own, and what the
 * device allows: a large matrix product in the model's type on random data.
 */
public final class DeviceTrainBenchmark {
  private static final int PRODUCT_CALLS = 10;
  private static final int PRODUCT_SAMPLES = 5;

  /** Steps whose ops are timed one by one, after those that count. */
  private static final int PROFILED_STEPS = 3;

  private DeviceTrainBenchmark() {}

  /** Whether a backend's memory is not the host's, so that this benchmark is the one for it. */
  public static boolean suits(Backend backend) {
    return !backend.allocate("benchmark", 64).hostAccessible();
  }

  /**
   * Runs the benchmark. The model's memory belongs to the backend.
   *
   * @param productSize rows, inputs and outputs of the product whose rate is the ceiling
   * @param version of the program, for the report
   * @param commit that it was built from, if known
   * @throws io.gptjava.core.GptException if the model does not fit or the gradients are not finite
   */
  public static DeviceTrainResult run(
      Backend backend,
      TrainBenchmark.Settings settings,
      int productSize,
      String version,
      Optional<String> commit) {
    try (ProfiledBackend profiled = new ProfiledBackend(backend)) {
      return measure(
          profiled,
          settings,
          productSize,
          Environment.current(version, commit, backend.description()));
    }
  }

  private static DeviceTrainResult measure(
      ProfiledBackend backend,
      TrainBenchmark.Settings settings,
      int productSize,
      Environment environment) {
    BenchmarkSteps steps = new BenchmarkSteps(backend, settings);
    double first = steps.timed();
    long started = ManagementFactory.getRuntimeMXBean().getStartTime();
    double launch = (System.currentTimeMillis() - started) * 1e-3;
    List<Double> warmup = new ArrayList<>();
    while (warmup.size() < settings.maximumWarmupSteps() && !Timing.stable(warmup)) {
      warmup.add(steps.timed());
    }
    List<Double> times = steps.pipelined(settings.steps());
    double loss = steps.loss();
    for (int i = 0; i < PROFILED_STEPS; i++) {
      steps.drawTokens();
      backend.profile(steps::step);
    }
    return new DeviceTrainResult(
        settings,
        environment,
        1 + warmup.size(),
        first,
        launch,
        Timing.of(times),
        loss,
        backend.results(),
        backend.timeline(),
        memory(backend, settings),
        backend.datasheetFlops(settings.precision()),
        product(backend, settings, productSize));
  }

  private static MemoryPlan memory(Backend backend, TrainBenchmark.Settings s) {
    return GptModel.plan(backend.ops(), s.size());
  }

  /** FLOP/s of a square product; the median of some samples of back-to-back calls. */
  private static OptionalDouble product(
      Backend backend, TrainBenchmark.Settings settings, int size) {
    if (size == 0) {
      return OptionalDouble.empty();
    }
    DType type = settings.precision().compute();
    Tensor x = random(backend, type, size, settings.seed());
    Tensor weight = random(backend, type, size, settings.seed() + 1);
    Tensor out = random(backend, type, size, settings.seed() + 2);
    List<Double> rates = new ArrayList<>();
    for (int i = -1; i < PRODUCT_SAMPLES; i++) {
      double ms =
          Timing.time(
              () -> {
                for (int call = 0; call < PRODUCT_CALLS; call++) {
                  backend.ops().linear(x, weight, null, out);
                }
                backend.synchronize();
              });
      if (i >= 0) {
        rates.add(PRODUCT_CALLS * 2.0 * size * size * size / (ms * 1e-3));
      }
    }
    return OptionalDouble.of(Timing.of(rates).median());
  }

  /** Values in [−1, 1). */
  private static Tensor random(Backend backend, DType type, int size, long seed) {
    Memory memory = backend.allocate("benchmark", (long) size * size * type.bytes());
    Tensor tensor = Tensor.of(memory, 0, type, size, size);
    SplittableRandom random = new SplittableRandom(seed);
    for (long row = 0; row < size; row++) {
      float[] values = new float[size];
      short[] halves = new short[size];
      for (int i = 0; i < size; i++) {
        values[i] = 2 * random.nextFloat() - 1;
        halves[i] =
            type == DType.F16
                ? Float.floatToFloat16(values[i])
                : (short) (Float.floatToRawIntBits(values[i]) >>> 16); // a random bf16
      }
      MemorySegment host =
          type == DType.F32 ? MemorySegment.ofArray(values) : MemorySegment.ofArray(halves);
      backend.upload(host, tensor.slice(row, row + 1));
    }
    return tensor;
  }
}
