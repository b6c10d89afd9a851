package io.gptjava.benchmarks;

import io.gptjava.train.run.Environment;
import java.util.List;
import java.util.OptionalLong;

/**
 * What {@link TrainBenchmark} measured. Times in milliseconds, rates per second.
 *
 * @param settings of the benchmark
 * @param environment machine, JVM and commit
 * @param warmupSteps steps before timing began
 * @param step timings of the measured steps: forward, backward, clipping, update
 * @param profiledStepMilliseconds median of the steps in which every op was timed
 * @param finalLoss of the last step, in nats
 * @param machine ceilings
 * @param matmuls every matrix product alone, through the backend's ops
 * @param ops every op within a step
 * @param timeline of the last step in which every op was timed
 * @param peakBytes peak resident memory of training, before the probes' own buffers; empty if
 *     unknown
 */
public record TrainBenchmarkResult(
    TrainBenchmark.Settings settings,
    Environment environment,
    int warmupSteps,
    Timing step,
    double profiledStepMilliseconds,
    double finalLoss,
    Machine machine,
    List<MatmulRate> matmuls,
    List<OpShare> ops,
    StepTimeline timeline,
    OptionalLong peakBytes) {
  /** What the median step should stay within, as a multiple of the floor. */
  public static final double GOAL = 1.15;

  /** Copies the lists. */
  public TrainBenchmarkResult {
    matmuls = List.copyOf(matmuls);
    ops = List.copyOf(ops);
  }

  /**
   * Ceilings of the machine with all threads, medians over the run.
   *
   * @param flopsPerSecond vector multiply-adds in registers
   * @param bytesPerSecond memory traffic in AdamW's mix
   */
  public record Machine(double flopsPerSecond, double bytesPerSecond) {}

  /**
   * One matrix product alone.
   *
   * @param milliseconds of one call
   * @param flopsPerSecond useful FLOPs: vocabulary padding not counted
   */
  public record MatmulRate(StepMatmul matmul, double milliseconds, double flopsPerSecond) {}

  /**
   * One op at one shape within a step.
   *
   * @param calls in a step
   * @param milliseconds of all of them together
   * @param cost of all of them together
   */
  public record OpShare(String family, String name, int calls, double milliseconds, OpCost cost) {
    /** Useful FLOPs a second. */
    public double flopsPerSecond() {
      return cost.flops() / (milliseconds * 1e-3);
    }

    /** Unavoidable bytes a second; above the memory's when tensors stay in cache. */
    public double bytesPerSecond() {
      return cost.bytes() / (milliseconds * 1e-3);
    }

    /** Shortest time that the machine's ceilings allow over the time it took. */
    public double roofline(Machine machine) {
      return cost.secondsAtLeast(machine.flopsPerSecond, machine.bytesPerSecond)
          / (milliseconds * 1e-3);
    }
  }

  /**
   * The least that a step could take: its matrix products at the best sustained rate of any of
   * their shapes, and AdamW's traffic at memory speed.
   *
   * @param gemmFlops FLOPs of the step's matrix products
   * @param gemmPeak best of the medians, FLOP/s
   * @param gemmPeakName the product that reached it
   * @param adamWBytes bytes that AdamW must move
   * @param bytesPerSecond of the memory
   */
  public record Floor(
      double gemmFlops,
      double gemmPeak,
      String gemmPeakName,
      double adamWBytes,
      double bytesPerSecond) {
    /** Time of the matrix products. */
    public double gemmMilliseconds() {
      return gemmFlops / gemmPeak * 1e3;
    }

    /** Time of AdamW. */
    public double adamWMilliseconds() {
      return adamWBytes / bytesPerSecond * 1e3;
    }

    /** Both together. */
    public double milliseconds() {
      return gemmMilliseconds() + adamWMilliseconds();
    }
  }

  /** The floor that this run measured. */
  public Floor floor() {
    MatmulRate best =
        matmuls.stream()
            .max((a, b) -> Double.compare(a.flopsPerSecond, b.flopsPerSecond))
            .orElseThrow();
    return new Floor(
        StepMatmul.stepFlops(matmuls.stream().map(MatmulRate::matmul).toList()),
        best.flopsPerSecond,
        best.matmul.name(),
        OpCost.adamW(settings.model().parameterCount(), settings.precision().compute()).bytes(),
        machine.bytesPerSecond);
  }

  /** Median step over the floor. */
  public double ratio() {
    return step.median() / floor().milliseconds();
  }

  /** Training speed at the median step. */
  public double tokensPerSecond() {
    return settings.tokens() / (step.median() * 1e-3);
  }

  /** Median over the shapes of the products' rates. */
  public double medianMatmulRate() {
    return Timing.of(matmuls.stream().map(MatmulRate::flopsPerSecond).toList()).median();
  }
}
