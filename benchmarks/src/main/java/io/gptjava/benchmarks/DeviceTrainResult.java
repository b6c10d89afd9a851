package io.gptjava.benchmarks;

import io.gptjava.benchmarks.TrainBenchmarkResult.OpShare;
import io.gptjava.train.ModelFlops;
import io.gptjava.train.model.MemoryPlan;
import io.gptjava.train.run.Environment;
import java.util.List;
import java.util.OptionalDouble;

/**
 * What {@link DeviceTrainBenchmark} measured. Times in milliseconds.
 *
 * @param settings of the benchmark
 * @param environment machine, JVM and commit
 * @param warmupSteps steps before timing began
 * @param firstStepMilliseconds of the first step, which loads kernels and chooses algorithms
 * @param launchSeconds from the start of this process to the end of the first step
 * @param step timings of the measured steps, each from the last one's loss on the host to its own,
 *     issued one step ahead
 * @param finalLoss of the last of them, in nats
 * @param ops every op within a step whose ops the host issued one by one
 * @param timeline of the last such step
 * @param memory planned on the device
 * @param datasheetPeak FLOP/s of the device by its data sheet, if known
 * @param productPeak FLOP/s of a large matrix product measured in this process, if asked for
 */
public record DeviceTrainResult(
    TrainBenchmark.Settings settings,
    Environment environment,
    int warmupSteps,
    double firstStepMilliseconds,
    double launchSeconds,
    Timing step,
    double finalLoss,
    List<OpShare> ops,
    StepTimeline timeline,
    MemoryPlan memory,
    OptionalDouble datasheetPeak,
    OptionalDouble productPeak) {
  /** Training speed at the median step. */
  public double tokensPerSecond() {
    return settings.tokens() / (step.median() * 1e-3);
  }

  /** Useful FLOPs a second at the median step. */
  public double flopsPerSecond() {
    return tokensPerSecond() * ModelFlops.perToken(settings.model(), settings.sequence());
  }
}
