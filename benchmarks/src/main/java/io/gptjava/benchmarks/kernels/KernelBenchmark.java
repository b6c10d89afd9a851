package io.gptjava.benchmarks.kernels;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Ops;
import io.gptjava.core.Precision;
import io.gptjava.core.StepInputs;
import io.gptjava.core.Tensor;
import io.gptjava.train.run.Environment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Times every op at the shapes of a training step, on random data that successive calls do not find
 * in the cache, and the two ceilings of the roofline through the same ops: a large copy, counting
 * bytes read and written, and a large matrix product. The ceilings are measured before and after
 * the ops.
 */
public final class KernelBenchmark {
  /** How the description of the CUDA backend on the host emulator gives itself away. */
  private static final Pattern EMULATOR = Pattern.compile("emulator", Pattern.CASE_INSENSITIVE);

  private final Supplier<Backend> opener;
  private final Settings settings;
  private final List<KernelBenchmarkResult.Ceilings> ceilings = new ArrayList<>();
  private final List<KernelBenchmarkResult.KernelTime> kernels = new ArrayList<>();
  private String description = "";
  private String method = "";

  /**
   * What to run.
   *
   * @param shapes of the ops
   * @param precision that the backend computes in; its type is that of the shapes
   * @param only ops whose family or name this finds
   * @param samples timed batches of each op
   * @param sampleMilliseconds what a batch takes at least
   * @param warmupMilliseconds what an op runs at least before it is timed: until then the JVM's
   *     optimizing compiler may not have taken it over, and its times look steady all the same
   * @param rotationBytes what successive calls go through before they meet the same operands again
   * @param copyBytes bytes of the copy whose speed is the memory's
   * @param matmulSize rows, inputs and outputs of the product whose speed is the matrix units'
   * @param seed of the random data
   */
  public record Settings(
      KernelShapes shapes,
      Precision precision,
      Pattern only,
      int samples,
      double sampleMilliseconds,
      double warmupMilliseconds,
      long rotationBytes,
      long copyBytes,
      int matmulSize,
      long seed) {
    private static final Pattern ALL = Pattern.compile("");

    /** Sizes that fill a GPU and miss its cache. */
    public static Settings device(KernelShapes shapes, long seed) {
      return new Settings(shapes, usual(shapes), ALL, 9, 10, 0, 256L << 20, 1L << 30, 8192, seed);
    }

    /** Sizes for a CPU. */
    public static Settings host(KernelShapes shapes, long seed) {
      return new Settings(
          shapes, usual(shapes), ALL, 7, 20, 800, 128L << 20, 256L << 20, 1024, seed);
    }

    /** Sizes that show that everything runs. */
    public static Settings quick(KernelShapes shapes, long seed) {
      return new Settings(shapes, usual(shapes), ALL, 2, 0, 0, 0, 1L << 16, 64, seed);
    }

    /** The precision of a type, TF32 left out. */
    private static Precision usual(KernelShapes shapes) {
      return Stream.of(Precision.FP32, Precision.BF16, Precision.FP16)
          .filter(precision -> precision.compute() == shapes.type())
          .findFirst()
          .orElseThrow();
    }

    /** The same in another precision of the same type. */
    public Settings withPrecision(Precision other) {
      return new Settings(
          shapes,
          other,
          only,
          samples,
          sampleMilliseconds,
          warmupMilliseconds,
          rotationBytes,
          copyBytes,
          matmulSize,
          seed);
    }

    /** Short name of precision and shapes, such as {@code bf16-B4-T1024-C768}. */
    public String label() {
      return String.format(
          Locale.ROOT,
          "%s-B%d-T%d-C%d",
          precision.name().toLowerCase(Locale.ROOT),
          shapes.batch(),
          shapes.sequence(),
          shapes.width());
    }

    /** The same for some of the ops. */
    public Settings withOnly(Pattern pattern) {
      return new Settings(
          shapes,
          precision,
          pattern,
          samples,
          sampleMilliseconds,
          warmupMilliseconds,
          rotationBytes,
          copyBytes,
          matmulSize,
          seed);
    }

    /** The same at other shapes. */
    Settings withShapes(KernelShapes others) {
      return new Settings(
          others,
          precision,
          only,
          samples,
          sampleMilliseconds,
          warmupMilliseconds,
          rotationBytes,
          copyBytes,
          matmulSize,
          seed);
    }

    /** The same with another number of timed batches. */
    public Settings withSamples(int count) {
      return new Settings(
          shapes,
          precision,
          only,
          count,
          sampleMilliseconds,
          warmupMilliseconds,
          rotationBytes,
          copyBytes,
          matmulSize,
          seed);
    }
  }

  private KernelBenchmark(Supplier<Backend> opener, Settings settings) {
    this.opener = opener;
    this.settings = settings;
  }

  /**
   * Runs the benchmark. Each group of ops gets a backend of its own, so that only its own operands
   * need to fit in memory.
   *
   * @param opener opens the backend
   * @param version of the program, for the report
   * @param commit that it was built from, if known
   * @throws io.gptjava.core.GptException if a group's operands do not fit
   */
  public static KernelBenchmarkResult run(
      Supplier<Backend> opener, Settings settings, String version, Optional<String> commit) {
    KernelBenchmark benchmark = new KernelBenchmark(opener, settings);
    benchmark.ceilings();
    KernelFamilies.all().forEach(benchmark::family);
    benchmark.ceilings();
    return new KernelBenchmarkResult(
        settings,
        Environment.current(version, commit, benchmark.description),
        benchmark.method,
        EMULATOR.matcher(benchmark.description).find(),
        benchmark.ceilings,
        benchmark.kernels);
  }

  private void family(KernelFamilies.Family family) {
    try (Backend backend = opener.get();
        OpTimer timer = OpTimer.of(backend)) {
      begin(backend);
      KernelSampler sampler = sampler(backend, timer);
      for (KernelCase kernel : family.cases(backend, operands(backend), settings.shapes)) {
        if (settings.only.matcher(kernel.family() + " " + kernel.name()).find()) {
          KernelSampler.Sample sample = sampler.sample(kernel.run());
          kernels.add(
              new KernelBenchmarkResult.KernelTime(
                  kernel.family(),
                  kernel.name(),
                  kernel.calls(),
                  kernel.cost(),
                  sample.repetitions(),
                  sample.timing()));
        }
      }
    }
  }

  private void ceilings() {
    try (Backend backend = opener.get();
        OpTimer timer = OpTimer.of(backend)) {
      description = backend.description();
      method = timer.method();
      begin(backend);
      Ops ops = backend.ops();
      CaseOperands operands = operands(backend);
      DType type = settings.shapes.type();
      long count = settings.copyBytes / type.bytes();
      Tensor from = operands.activations(type, count);
      Tensor to = operands.output(type, count);
      long n = settings.matmulSize;
      Tensor x = operands.activations(type, n, n);
      Tensor weight = operands.weights(type, n, n);
      Tensor out = operands.output(type, n, n);
      KernelSampler sampler = sampler(backend, timer);
      double copy = sampler.sample(_ -> ops.copy(from, to)).timing().median();
      double product = sampler.sample(_ -> ops.linear(x, weight, null, out)).timing().median();
      ceilings.add(
          new KernelBenchmarkResult.Ceilings(
              2.0 * n * n * n / (product * 1e-3), 2.0 * from.byteSize() / (copy * 1e-3)));
    }
  }

  private CaseOperands operands(Backend backend) {
    return new CaseOperands(backend, settings.rotationBytes, settings.seed);
  }

  private KernelSampler sampler(Backend backend, OpTimer timer) {
    return new KernelSampler(
        backend, timer, settings.samples, settings.sampleMilliseconds, settings.warmupMilliseconds);
  }

  private void begin(Backend backend) {
    long targets = settings.shapes.rows();
    backend.stepControl().begin(new StepInputs(settings.seed, 0, 1e-4f, 1, 1, targets));
    backend.stepControl().microBatch(0);
  }
}
