package io.gptjava.benchmarks.jmh;

import io.gptjava.benchmarks.OpCost;
import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.StepInputs;
import io.gptjava.core.Tensor;
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

/** Output head and cross-entropy of GPT-2's vocabulary over 512 rows. */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "-XX:+UseTransparentHugePages"})
@State(Scope.Benchmark)
public class ClassifierBenchmark {
  private static final int ROWS = 512;
  private static final int WIDTH = 768;
  private static final int VOCABULARY = 50_257;
  private static final int PADDED = 50_304;

  /** MiB that the logits of a chunk of rows may take: all 512 rows, or a quarter of them. */
  @Param({"128", "32"})
  public int budget;

  private Backend backend;
  private Tensor x; // (N, C)
  private Tensor weight; // (V', C)
  private Tensor targets; // (N)
  private Tensor losses; // (N)
  private Tensor dX; // (N, C)
  private Tensor dWeight; // (V', C)
  private Tensor workspace;

  /** Allocates. */
  @Setup
  public void setUp(CpuState cpu) {
    backend = cpu.backend();
    x = cpu.random(ROWS, WIDTH);
    weight = cpu.random(PADDED, WIDTH);
    targets = cpu.ids(VOCABULARY, ROWS);
    losses = cpu.zeros(ROWS);
    dX = cpu.zeros(ROWS, WIDTH);
    dWeight = cpu.zeros(PADDED, WIDTH);
    workspace =
        cpu.workspace(
            cpu.ops().headCrossEntropyWorkspace(ROWS, WIDTH, PADDED, (long) budget << 20));
  }

  /** Loss and both gradients. */
  @Benchmark
  public void lossAndGradients(Work work) {
    backend.stepControl().begin(new StepInputs(1, 0, 0, 0, 1, ROWS));
    backend
        .ops()
        .headCrossEntropy(x, weight, targets, VOCABULARY, losses, dX, dWeight, false, workspace);
    work.did(OpCost.headCrossEntropy(DType.F32, ROWS, WIDTH, VOCABULARY));
  }

  /** Loss alone, as in evaluation. */
  @Benchmark
  public void loss(Work work) {
    backend.stepControl().begin(new StepInputs(1, 0, 0, 0, 1, ROWS));
    backend
        .ops()
        .headCrossEntropy(x, weight, targets, VOCABULARY, losses, null, null, false, workspace);
    work.did(OpCost.headLoss(DType.F32, ROWS, WIDTH, VOCABULARY));
  }
}
