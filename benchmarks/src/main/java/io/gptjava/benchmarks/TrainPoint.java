package io.gptjava.benchmarks;

import io.gptjava.benchmarks.StepTimeline.Phase;
import io.gptjava.core.Backend;
import io.gptjava.train.ModelFlops;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.run.Environment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;

/**
 * What a training step costs at one point of a {@link TrainSweep}. Times in milliseconds.
 *
 * @param settings of the step
 * @param others what the sweep varies besides batch and length, by name
 * @param environment machine, JVM and commit
 * @param method how the phases were timed
 * @param warmupSteps steps before timing began
 * @param step timings of whole steps, their ops not timed
 * @param passes median time of forward and backward pass together, in steps whose ops were timed
 * @param update median time of gradient norm and optimizer, likewise
 * @param passFlops of forward and backward pass, counted by the ops' own formulas
 * @param plannedBytes memory that the step takes where the backend's tensors live
 * @param ceiling FLOP/s by the device's data sheet, or of fp32 multiply-adds in registers of a
 *     host; empty if unknown
 * @param measuredCeiling whether it was measured between the steps, on a host
 */
public record TrainPoint(
    TrainBenchmark.Settings settings,
    Map<String, String> others,
    Environment environment,
    String method,
    int warmupSteps,
    Timing step,
    double passes,
    double update,
    double passFlops,
    long plannedBytes,
    OptionalDouble ceiling,
    boolean measuredCeiling) {

  /** Copies the names. */
  public TrainPoint {
    others = Map.copyOf(others);
  }

  /**
   * Measures. The model's memory belongs to the backend.
   *
   * @param others see {@link TrainPoint}
   * @param version of the program, for the report
   * @param commit that it was built from, if known
   * @throws io.gptjava.core.GptException if the model does not fit or the gradients are not finite
   */
  public static TrainPoint measure(
      Backend backend,
      TrainBenchmark.Settings settings,
      Map<String, String> others,
      String version,
      Optional<String> commit) {
    boolean device = DeviceTrainBenchmark.suits(backend);
    try (ProfiledBackend profiled = new ProfiledBackend(backend)) {
      BenchmarkSteps steps = new BenchmarkSteps(profiled, settings);
      int warmup = WarmUp.run(settings.maximumWarmupSteps(), steps::timed);
      profile(profiled, steps);
      List<StepTimeline> timelines = new ArrayList<>();
      List<Double> times = new ArrayList<>();
      OptionalDouble ceiling;
      if (device) {
        times.addAll(steps.pipelined(settings.steps()));
        for (int i = 0; i < settings.steps(); i++) {
          timelines.add(profile(profiled, steps));
        }
        ceiling = backend.datasheetFlops(settings.precision());
      } else {
        ceiling = OptionalDouble.of(onHost(profiled, steps, settings, times, timelines));
      }
      return new TrainPoint(
          settings,
          others,
          Environment.current(version, commit, backend.description()),
          timelines.getLast().method(),
          warmup,
          Timing.of(times),
          median(timelines, Phase.FORWARD, Phase.BACKWARD),
          median(timelines, Phase.CLIP, Phase.OPTIMIZER),
          flops(timelines.getLast()),
          GptModel.plan(backend.ops(), settings.size()).totalBytes(),
          ceiling,
          !device);
    }
  }

  /** Whole steps, steps with their ops timed and the machine's multiply-adds in turn. */
  private static double onHost(
      ProfiledBackend backend,
      BenchmarkSteps steps,
      TrainBenchmark.Settings settings,
      List<Double> times,
      List<StepTimeline> timelines) {
    List<Double> rates = new ArrayList<>();
    try (MachineProbe machine = new MachineProbe(settings.workers())) {
      machine.multiplyAdd();
      for (int i = 0; i < settings.steps(); i++) {
        times.add(steps.timed());
        timelines.add(profile(backend, steps));
        rates.add(machine.multiplyAdd());
      }
    }
    return Timing.of(rates).median();
  }

  private static StepTimeline profile(ProfiledBackend backend, BenchmarkSteps steps) {
    steps.drawTokens();
    backend.profile(steps::step);
    return backend.timeline();
  }

  private static double median(List<StepTimeline> timelines, Phase... phases) {
    List<Phase> wanted = List.of(phases);
    return Timing.of(
            timelines.stream()
                .map(
                    timeline ->
                        timeline.phases().stream()
                            .filter(span -> wanted.contains(span.phase()))
                            .mapToDouble(span -> span.end() - span.begin())
                            .sum())
                .toList())
        .median();
  }

  private static double flops(StepTimeline timeline) {
    double clip =
        timeline.phases().stream()
            .filter(span -> span.phase() == Phase.CLIP)
            .findFirst()
            .orElseThrow()
            .begin();
    return timeline.ops().stream()
        .filter(op -> op.begin() < clip)
        .mapToDouble(op -> op.cost().flops())
        .sum();
  }

  /** Training speed at the median step. */
  public double tokensPerSecond() {
    return settings.tokens() / (step.median() * 1e-3);
  }

  /** Microseconds of forward and backward pass per token. */
  public double passMicrosecondsPerToken() {
    return passes * 1e3 / settings.tokens();
  }

  /** FLOPs of forward and backward pass per token. */
  public double passFlopsPerToken() {
    return passFlops / settings.tokens();
  }

  /** Useful FLOPs of the median step ({@link ModelFlops}) over what the ceiling allows. */
  public OptionalDouble utilisation() {
    double rate = tokensPerSecond() * ModelFlops.perToken(settings.model(), settings.sequence());
    return ceiling.isPresent() ? OptionalDouble.of(rate / ceiling.getAsDouble()) : ceiling;
  }

  /** What is varied besides batch and length, as {@code name value, name value}. */
  String group() {
    List<String> words = new ArrayList<>();
    new TreeMap<>(others).forEach((name, value) -> words.add(name + " " + value));
    return String.join(", ", words);
  }
}
