package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.Emulator;
import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.Ops;
import io.gptjava.core.Precision;
import io.gptjava.core.StepInputs;
import io.gptjava.core.Tensor;
import io.gptjava.train.run.Environment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
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
  private static final double GIB = 1L << 30;
  private static final String CPU = "cpu";

  private final Supplier<Backend> opener;
  private final Settings settings;
  private final Supplier<OptionalLong> hostMemory;
  private final List<KernelBenchmarkResult.Skipped> skipped = new ArrayList<>();
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
   * @param processes that measure one after another; 1 is this one
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
      int processes,
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
      return new Settings(
          shapes, usual(shapes), ALL, 1, 9, 10, 0, 256L << 20, 1L << 30, 8192, seed);
    }

    /** Sizes for a CPU. */
    public static Settings host(KernelShapes shapes, long seed) {
      return new Settings(
          shapes, usual(shapes), ALL, 1, 7, 20, 800, 128L << 20, 256L << 20, 1024, seed);
    }

    /** Sizes that show that everything runs. */
    public static Settings quick(KernelShapes shapes, long seed) {
      return new Settings(shapes, usual(shapes), ALL, 1, 2, 0, 0, 0, 1L << 16, 64, seed);
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
      return with(shapes, other, only, processes, samples);
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
      return with(shapes, precision, pattern, processes, samples);
    }

    /** The same at other shapes. */
    public Settings withShapes(KernelShapes others) {
      return with(others, precision, only, processes, samples);
    }

    /** The same measured by so many processes. */
    public Settings withProcesses(int count) {
      return with(shapes, precision, only, count, samples);
    }

    private Settings with(
        KernelShapes others, Precision other, Pattern ops, int processCount, int sampleCount) {
      return new Settings(
          others,
          other,
          ops,
          processCount,
          sampleCount,
          sampleMilliseconds,
          warmupMilliseconds,
          rotationBytes,
          copyBytes,
          matmulSize,
          seed);
    }

    /** Whether an op was asked for. */
    boolean selects(KernelCase kernel) {
      return only.matcher(kernel.family() + " " + kernel.name()).find();
    }

    /** The same with another number of timed batches. */
    public Settings withSamples(int count) {
      return with(shapes, precision, only, processes, count);
    }
  }

  private KernelBenchmark(
      Supplier<Backend> opener, Settings settings, Supplier<OptionalLong> hostMemory) {
    this.opener = opener;
    this.settings = settings;
    this.hostMemory = hostMemory;
  }

  /**
   * Runs the benchmark on a host whose memory is not asked for.
   *
   * @see #run(Supplier, Settings, Supplier, String, Optional)
   */
  public static KernelBenchmarkResult run(
      Supplier<Backend> opener, Settings settings, String version, Optional<String> commit) {
    return run(opener, settings, OptionalLong::empty, version, commit);
  }

  /**
   * Runs the benchmark. Each group of ops gets a backend of its own, so that only its own operands
   * need to fit in memory; a group that does not fit is skipped, with the reason in the result.
   *
   * @param opener opens the backend
   * @param hostMemory bytes available where tensors are in the host's memory; empty if nobody tells
   * @param version of the program, for the report
   * @param commit that it was built from, if known
   */
  public static KernelBenchmarkResult run(
      Supplier<Backend> opener,
      Settings settings,
      Supplier<OptionalLong> hostMemory,
      String version,
      Optional<String> commit) {
    KernelBenchmark benchmark = new KernelBenchmark(opener, settings, hostMemory);
    KernelPlan plan;
    try (Backend backend = opener.get()) {
      plan = KernelPlan.of(backend, settings);
    }
    benchmark.ceilings();
    plan.groups().forEach(benchmark::group);
    benchmark.ceilings();
    return new KernelBenchmarkResult(
        settings,
        Environment.current(version, commit, benchmark.description),
        benchmark.method,
        Emulator.runs(benchmark.description),
        benchmark.ceilings,
        benchmark.kernels,
        benchmark.skipped);
  }

  /** The ceilings alone. */
  static KernelBenchmarkResult.Ceilings ceilings(Supplier<Backend> opener, Settings settings) {
    KernelBenchmark benchmark = new KernelBenchmark(opener, settings, OptionalLong::empty);
    benchmark.ceilings();
    return benchmark.ceilings.getFirst();
  }

  private void group(KernelPlan.Group group) {
    try (Backend backend = opener.get();
        OpTimer timer = OpTimer.of(backend)) {
      OptionalLong device = backend.availableBytes();
      long available = (device.isPresent() ? device : hostMemory.get()).orElse(Long.MAX_VALUE);
      if (group.bytes() > available) {
        skip(
            group,
            String.format(
                Locale.ROOT,
                "the group's operands take %.1f GiB and %.1f are available",
                group.bytes() / GIB,
                available / GIB));
        return;
      }
      begin(backend);
      KernelSampler sampler = sampler(backend, timer);
      for (KernelCase kernel : group.family().cases(backend, operands(backend), settings.shapes)) {
        if (settings.selects(kernel)) {
          time(sampler, kernel, backend.name().equals(CPU) ? kernel.note() : "");
        }
      }
    } catch (GptException e) {
      if (e.failure() != Failure.CAPACITY) {
        throw e;
      }
      skip(group, e.getMessage());
    }
  }

  /** Of a group that ran out of memory on the way, what was timed stays. */
  private void skip(KernelPlan.Group group, String reason) {
    List<String> names =
        group.ops().stream()
            .map(KernelPlan.Op::name)
            .filter(name -> kernels.stream().noneMatch(kernel -> kernel.name().equals(name)))
            .toList();
    skipped.add(new KernelBenchmarkResult.Skipped(group.ops().getFirst().family(), names, reason));
  }

  private void time(KernelSampler sampler, KernelCase kernel, String note) {
    KernelSampler.Sample sample = sampler.sample(kernel.run());
    kernels.add(
        new KernelBenchmarkResult.KernelTime(
            kernel.family(),
            kernel.name(),
            kernel.calls(),
            kernel.cost(),
            sample.repetitions(),
            sample.timing(),
            note));
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
