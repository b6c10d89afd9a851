package io.gptjava.benchmarks;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.StepControl;
import io.gptjava.core.StepInputs;
import io.gptjava.core.StepOutputs;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.data.Batch;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.WeightInitializer;
import io.gptjava.train.run.Environment;
import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SplittableRandom;

/**
 * Times whole training steps on random tokens and, between the steps, what the machine allows: the
 * step's matrix products alone, memory speed in AdamW's mix, and vector multiply-adds. Interleaving
 * makes a busy neighbour slow both sides of the ratio alike.
 *
 * <p>For backends whose tensors are host memory.
 */
public final class TrainBenchmark {
  private static final AdamWSettings ADAM_W = new AdamWSettings(0.9f, 0.999f, 1e-8f, 0.1f);
  private static final float LEARNING_RATE = 4e-4f;

  /** Of every so many rounds, one has a second step in which every op is timed. */
  private static final int PROFILE_EVERY = 3;

  /** The JIT is quiet when it compiled for at most this share of a step. */
  private static final double QUIET_JIT_SHARE = 0.1;

  private final Settings settings;
  private final ProfiledBackend backend;
  private final StepControl control;
  private final GptModel model;
  private final OptimizerState state;
  private final SplittableRandom random;
  private final Batch batch;
  private int step;
  private double loss;

  /**
   * What to run.
   *
   * @param model shape
   * @param batch B
   * @param sequence T
   * @param maximumWarmupSteps most steps before timing; fewer when the times have settled
   * @param steps measured steps
   * @param threads of the machine's ceilings: those of the backend; 0 for one per processor
   * @param seed of weights and tokens
   */
  public record Settings(
      GptConfig model,
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

    /**
     * The source documents' training step: 162,419,712 parameters, two sequences of 256 tokens,
     * dropout 0.1.
     */
    public static Settings textbook() {
      GptConfig model = new GptConfig(50_257, 256, 768, 12, 12, 0.1f, false, false);
      return new Settings(model, 2, 256, 30, 15, 0, 1);
    }

    /** N, tokens of a step. */
    public long tokens() {
      return (long) batch * sequence;
    }
  }

  private TrainBenchmark(Settings settings, ProfiledBackend backend) {
    this.settings = settings;
    this.backend = backend;
    control = backend.stepControl();
    GptConfig config = settings.model;
    model = new GptModel(backend, config, settings.batch, settings.sequence, true);
    new WeightInitializer(Initialization.GPT2, settings.seed, config.layers())
        .initialize(backend, model.layout(), model.masters());
    model.mastersChanged();
    state = model.optimizerState(true);
    random = new SplittableRandom(settings.seed);
    batch = new Batch(settings.batch, settings.sequence);
    batch.samples(settings.batch);
  }

  /**
   * Runs the benchmark. The model's memory belongs to the backend.
   *
   * @param version of the program, for the report
   * @param commit that it was built from, if known
   * @throws GptException if the model does not fit, the backend's memory is not the host's, or the
   *     gradients are not finite
   */
  public static TrainBenchmarkResult run(
      Backend backend, Settings settings, String version, Optional<String> commit) {
    try (ProfiledBackend profiled = new ProfiledBackend(backend)) {
      TrainBenchmark benchmark = new TrainBenchmark(settings, profiled);
      return benchmark.measure(Environment.current(version, commit, backend.description()));
    }
  }

  private TrainBenchmarkResult measure(Environment environment) {
    if (!state.parameters().memory().hostAccessible()) {
      throw new GptException(
          Failure.USAGE,
          "bench train measures its floor in host memory, which --backend %s does not compute in; use --backend cpu"
              .formatted(backend.name()));
    }
    int warmup = warmUp();
    OptionalLong peak = ResidentMemory.peakBytes();
    int threads =
        settings.threads > 0 ? settings.threads : Runtime.getRuntime().availableProcessors();
    List<StepMatmul> products = StepMatmul.of(settings.model, settings.tokens());
    MatmulProbe matmuls = new MatmulProbe(backend, model, products, settings.seed);
    List<Double> steps = new ArrayList<>();
    List<Double> profiledSteps = new ArrayList<>();
    List<Double> flopRates = new ArrayList<>();
    List<Double> byteRates = new ArrayList<>();
    try (MachineProbe machine = new MachineProbe(threads)) {
      matmuls.round();
      matmuls.reset();
      machine.multiplyAdd();
      machine.adamWMix(state);
      for (int round = 0; round < settings.steps; round++) {
        steps.add(timedStep());
        if (round % PROFILE_EVERY == 0) {
          drawTokens();
          profiledSteps.add(backend.profile(this::step));
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
        Timing.of(steps),
        Timing.of(profiledSteps).median(),
        loss,
        new TrainBenchmarkResult.Machine(
            Timing.of(flopRates).median(), Timing.of(byteRates).median()),
        matmuls.results(),
        backend.results(),
        peak);
  }

  /** Steps until their times have settled and the JIT is quiet; returns how many. */
  private int warmUp() {
    List<Double> times = new ArrayList<>();
    boolean quiet = false;
    while (times.size() < settings.maximumWarmupSteps && !(quiet && Timing.stable(times))) {
      long compiledBefore = jitMilliseconds();
      double ms = timedStep();
      times.add(ms);
      quiet = jitMilliseconds() - compiledBefore <= QUIET_JIT_SHARE * ms;
    }
    return times.size();
  }

  private static long jitMilliseconds() {
    CompilationMXBean jit = ManagementFactory.getCompilationMXBean();
    return jit == null || !jit.isCompilationTimeMonitoringSupported()
        ? 0
        : jit.getTotalCompilationTime();
  }

  private double timedStep() {
    drawTokens();
    return Timing.time(this::step);
  }

  private void drawTokens() {
    int vocabulary = settings.model.vocabularySize();
    for (int i = 0; i < batch.tokens().length; i++) {
      batch.tokens()[i] = random.nextInt(vocabulary);
      batch.targets()[i] = random.nextInt(vocabulary);
    }
  }

  /** As {@link io.gptjava.train.Trainer} does it, with one micro-batch. */
  private void step() {
    control.begin(new StepInputs(settings.seed, step++, LEARNING_RATE, 1, 1, batch.targetCount()));
    control.microBatch(0);
    model.load(batch);
    model.forwardBackward(false);
    model.clip(state);
    model.update(state, ADAM_W);
    StepOutputs outputs = control.read();
    if (outputs.skipped()) {
      throw new GptException(
          Failure.DIVERGED,
          "step %d of the benchmark has a gradient norm of %s; the backend's ops are wrong"
              .formatted(step - 1, outputs.gradientNorm()));
    }
    loss = outputs.loss();
  }
}
