package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.OpCost;
import io.gptjava.benchmarks.Timing;
import io.gptjava.train.run.Environment;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What {@link KernelBenchmark} measured. Times in milliseconds, rates per second.
 *
 * @param settings of the benchmark
 * @param environment machine, JVM and commit
 * @param method how time was measured
 * @param emulated whether this ran on the host emulator, so that its times mean nothing
 * @param ceilings as measured before and after the ops
 * @param kernels every op
 * @param skipped groups that do not fit in memory
 */
public record KernelBenchmarkResult(
    KernelBenchmark.Settings settings,
    Environment environment,
    String method,
    boolean emulated,
    List<Ceilings> ceilings,
    List<KernelTime> kernels,
    List<Skipped> skipped) {
  /** Copies the lists. */
  public KernelBenchmarkResult {
    ceilings = List.copyOf(ceilings);
    kernels = List.copyOf(kernels);
    skipped = List.copyOf(skipped);
  }

  /** Nothing was skipped. */
  public KernelBenchmarkResult(
      KernelBenchmark.Settings settings,
      Environment environment,
      String method,
      boolean emulated,
      List<Ceilings> ceilings,
      List<KernelTime> kernels) {
    this(settings, environment, method, emulated, ceilings, kernels, List.of());
  }

  /**
   * Ops that were not timed.
   *
   * @param names of the ops
   * @param reason for people
   */
  public record Skipped(String family, List<String> names, String reason) {
    /** Copies the list. */
    public Skipped {
      names = List.copyOf(names);
    }
  }

  /**
   * What the machine can do.
   *
   * @param flopsPerSecond of a large matrix product on random data
   * @param bytesPerSecond of a large copy, bytes read plus bytes written
   */
  public record Ceilings(double flopsPerSecond, double bytesPerSecond) {}

  /**
   * One op at one shape.
   *
   * @param calls how often a training step makes this call; 0 for ops that it does not use
   * @param cost of one call
   * @param repetitions calls in each timed batch
   * @param timing of one call
   * @param note why the op stays below its roof on this backend, as far as that is known; may be
   *     empty
   */
  public record KernelTime(
      String family,
      String name,
      int calls,
      OpCost cost,
      int repetitions,
      Timing timing,
      String note) {
    private static final Pattern SIZES = Pattern.compile(" (\\d+x\\d+|at position \\d+).*$");

    /** An op without a note. */
    public KernelTime(
        String family, String name, int calls, OpCost cost, int repetitions, Timing timing) {
      this(family, name, calls, cost, repetitions, timing, "");
    }

    /** The note, if there is one and the op reaches less than a share of its roof. */
    public Optional<String> noteBelow(double share, Ceilings ceilings) {
      return Optional.of(note).filter(text -> !text.isEmpty() && share(ceilings) < share);
    }

    /** Its name without the sizes of its operands. */
    public String op() {
      Matcher sizes = SIZES.matcher(name);
      return sizes.find() ? name.substring(0, sizes.start()) : name;
    }

    /** The sizes of its operands in its name, such as {@code 512x768x2304}; may be empty. */
    public String operands() {
      Matcher sizes = SIZES.matcher(name);
      return sizes.find() ? sizes.group().strip() : "";
    }

    /** Useful FLOPs a second at the median. */
    public double flopsPerSecond() {
      return cost.flops() / (timing.median() * 1e-3);
    }

    /** Unavoidable bytes a second at the median. */
    public double bytesPerSecond() {
      return cost.bytes() / (timing.median() * 1e-3);
    }

    /** Whether memory, not arithmetic, sets the shortest time that the ceilings allow. */
    public boolean memoryBound(Ceilings ceilings) {
      return cost.bytes() / ceilings.bytesPerSecond > cost.flops() / ceilings.flopsPerSecond;
    }

    /** Shortest time that the ceilings allow over the median time. */
    public double share(Ceilings ceilings) {
      return cost.secondsAtLeast(ceilings.flopsPerSecond, ceilings.bytesPerSecond)
          / (timing.median() * 1e-3);
    }

    /** All calls of a training step together. */
    public double stepMilliseconds() {
      return calls * timing.median();
    }
  }

  /** The better of the measurements of each. */
  public Ceilings best() {
    return new Ceilings(
        ceilings.stream().mapToDouble(Ceilings::flopsPerSecond).max().orElseThrow(),
        ceilings.stream().mapToDouble(Ceilings::bytesPerSecond).max().orElseThrow());
  }
}
