package io.gptjava.benchmarks.jmh;

import io.gptjava.benchmarks.OpCost;
import io.gptjava.core.DType;
import io.gptjava.core.Ops;
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

/**
 * The matrix products of GPT-2 124M over 512 rows: forward (NN), gradient of the input (NT) and of
 * the weight (TN), as the linear ops make them. The last shape is the head's size.
 *
 * <p>All suites: {@code mvn -Pjmh verify} runs a short set and writes {@code
 * benchmarks/target/jmh.json}. Choose with {@code -Djmh.args="Matmul -p shape=768x3072"}; without
 * JMH options there, each suite's own, longer settings apply.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "-XX:+UseTransparentHugePages"})
@State(Scope.Benchmark)
public class MatmulBenchmark {
  private static final int ROWS = 512;

  /** Inputs by outputs. */
  @Param({"768x2304", "768x768", "768x3072", "3072x768", "768x50304"})
  public String shape;

  private Ops ops;
  private OpCost cost;
  private Tensor x; // (N, K)
  private Tensor weight; // (K, M)
  private Tensor out; // (N, M)
  private Tensor dX; // (N, K)
  private Tensor dWeight; // (K, M)

  /** Allocates. */
  @Setup
  public void setUp(CpuState cpu) {
    int k = Integer.parseInt(shape.substring(0, shape.indexOf('x')));
    int m = Integer.parseInt(shape.substring(shape.indexOf('x') + 1));
    ops = cpu.ops();
    cost = OpCost.matmul(DType.F32, ROWS, k, m);
    x = cpu.random(ROWS, k);
    weight = cpu.random(k, m);
    out = cpu.random(ROWS, m);
    dX = cpu.zeros(ROWS, k);
    dWeight = cpu.zeros(k, m);
  }

  /** x · W. */
  @Benchmark
  public void forwardNN(Work work) {
    ops.linear(x, weight, null, out);
    work.did(cost);
  }

  /** dOut · Wᵀ. */
  @Benchmark
  public void inputGradientNT(Work work) {
    ops.linearBackwardInput(out, weight, null, dX);
    work.did(cost);
  }

  /** xᵀ · dOut. */
  @Benchmark
  public void weightGradientTN(Work work) {
    ops.linearBackwardWeight(x, out, dWeight, null, false);
    work.did(cost);
  }
}
