package io.gptjava.benchmarks.jmh;

import io.gptjava.benchmarks.OpCost;
import io.gptjava.core.AdamWSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.StepInputs;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** AdamW and the global gradient norm over the parameters of GPT-2 124M or the textbook model. */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "-XX:+UseTransparentHugePages"})
@State(Scope.Benchmark)
public class OptimizerBenchmark {
  private static final AdamWSettings SETTINGS = new AdamWSettings(0.9f, 0.999f, 1e-8f, 0.1f);

  /** Parameters in 10⁶. */
  @Param("162")
  public int millions;

  private Backend backend;
  private OptimizerState state;
  private long count;

  /** Allocates one decaying range. */
  @Setup
  public void setUp(CpuState cpu) {
    count = millions * 1_000_000L / 64 * 64;
    backend = cpu.backend();
    state =
        new OptimizerState(
            cpu.random(count),
            cpu.random(count),
            cpu.zeros(count),
            cpu.zeros(count),
            null,
            List.of(new OptimizerState.ParameterRange(0, count, true)));
    backend.stepControl().begin(new StepInputs(1, 0, 1e-4f, 1, 1, 1));
    backend.ops().globalGradientNorm(state);
  }

  /** One update of all parameters. */
  @Benchmark
  public void adamW(Work work) {
    backend.ops().adamW(state, SETTINGS);
    work.did(OpCost.adamW(count));
  }

  /** L2 norm of all gradients. */
  @Benchmark
  public void globalGradientNorm(Work work) {
    backend.ops().globalGradientNorm(state);
    work.did(OpCost.gradientNorm(count));
  }
}
