package io.gptjava.benchmarks;

import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.Precision;
import io.gptjava.train.ResidentMemory;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.model.ModelSize;
import io.gptjava.train.run.Environment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Times whole training steps on random tokens and, between the steps, what the machine allows: the
 * step's matrix products alone, memory speed in AdamW's mix, and vector multiply-adds. Interleaving
 * makes a busy neighbour slow both sides of the ratio alike.
 *
 * <p>For backends whose tensors are host memory; {@link DeviceTrainBenchmark} is for the others.
 */
public final class TrainBenchmark {
  /** Of every so many rounds, one has a second step in which every op is timed. */
  private static final int PROFILE_EVERY = 3;

  private final Settings settings;
  private final ProfiledBackend backend;
  private final BenchmarkSteps steps;

  /**
   * What to run.
   *
   * @param model shape
   * @param precision of weights and activations
   * @param recompute activations that are computed again backward
   * @param batch B
   * @param sequence T
   * @param maximumWarmupSteps most steps before timing; fewer when the times have settled
   * @param steps measured steps
   * @param threads of the machine's ceilings: those of the backend; 0 for one per processor
   * @param seed of weights and tokens
   */
  public record Settings(
      GptConfig model,
      Precision precision,
      Recompute recompute,
      int batch,
      int sequence,
      int maximumWarmupSteps,
      int steps,
      int threads,
      long seed) {
    /** Validates; throws {@link GptException} with {@link Failure#USAGE}. */
    public Settings {
      if (steps < 1) {
        throw new GptException(Failure.USAGE, "--steps must be at least 1, got " + steps);
      }
    }

    /** A benchmark that keeps all activations. */
    public Settings(
        GptConfig model,
        Precision precision,
        int batch,
        int sequence,
        int maximumWarmupSteps,
        int steps,
        int threads,
        long seed) {
      this(
          model,
          precision,
          Recompute.NONE,
          batch,
          sequence,
          maximumWarmupSteps,
          steps,
          threads,
          seed);
    }

    /**
     * The source documents' training step: 162,419,712 parameters, two sequences of 256 tokens,
     * dropout 0.1.
     */
    public static Settings textbook() {
      GptConfig model = new GptConfig(50_257, 256, 768, 12, 12, 0.1f, false, false);
      return new Settings(model, Precision.FP32, 2, 256, 30, 15, 0, 1);
    }

    /** The model that the steps train. */
    ModelSize size() {
      return new ModelSize(model, precision, recompute, batch, sequence, true);
    }

    /** Threads of the machine's ceilings. */
    int workers() {
      return threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    }

    /** N, tokens of a step. */
    public long tokens() {
      return (long) batch * sequence;
    }
  }

  private TrainBenchmark(Settings settings, ProfiledBackend backend) {
    this.settings = settings;
    this.backend = backend;
    steps = new BenchmarkSteps(backend, settings);
  }

  /**
   * Runs the benchmark. The model's memory belongs to the backend.
   *
   * @param version of the program, for the report
   * @param commit that it was built from, if known
   * @throws GptException if the model does not fit or the gradients are not finite
   */
  public static TrainBenchmarkResult run(
      Backend backend, Settings settings, String version, Optional<String> commit) {
    try (ProfiledBackend profiled = new ProfiledBackend(backend)) {
      TrainBenchmark benchmark = new TrainBenchmark(settings, profiled);
      return benchmark.measure(Environment.current(version, commit, backend.description()));
    }
  }

  private TrainBenchmarkResult measure(Environment environment) {
    OptimizerState state = steps.optimizerState();
    int warmup = WarmUp.run(settings.maximumWarmupSteps, steps::timed);
    OptionalLong peak = ResidentMemory.peakBytes();
    int threads = settings.workers();
    List<StepMatmul> products = StepMatmul.of(settings.model, settings.tokens());
    MatmulProbe matmuls = new MatmulProbe(backend, steps.model(), products, settings.seed);
    List<Double> times = new ArrayList<>();
    List<Double> profiledSteps = new ArrayList<>();
    List<Double> flopRates = new ArrayList<>();
    List<Double> byteRates = new ArrayList<>();
    try (MachineProbe machine = new MachineProbe(threads)) {
      matmuls.round();
      matmuls.reset();
      machine.multiplyAdd();
      machine.adamWMix(state);
      for (int round = 0; round < settings.steps; round++) {
        times.add(steps.timed());
        if (round % PROFILE_EVERY == 0) {
          steps.drawTokens();
          profiledSteps.add(backend.profile(steps::step));
        }
        matmuls.round();
        flopRates.add(machine.multiplyAdd());
        byteRates.add(machine.adamWMix(state));
      }
    }
    return new TrainBenchmarkResult(
        settings,
        environment,
        warmup,
        Timing.of(times),
        Timing.of(profiledSteps).median(),
        steps.loss(),
        new TrainBenchmarkResult.Machine(
            Timing.of(flopRates).median(), Timing.of(byteRates).median()),
        matmuls.results(),
        backend.results(),
        backend.timeline(),
        peak);
  }
}
