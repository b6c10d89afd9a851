package io.gptjava.benchmarks.jmh;

import io.gptjava.benchmarks.OpCost;
import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.Ops;
import io.gptjava.core.Philox;
import io.gptjava.core.Tensor;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Layer normalisation, its fused residual link, and GELU at the textbook step's size. */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "-XX:+UseTransparentHugePages"})
@State(Scope.Benchmark)
public class ElementwiseBenchmark {
  private static final int ROWS = 512;
  private static final int WIDTH = 768;
  private static final int SEQUENCE = 256;
  private static final int WIDE = 4 * WIDTH;

  private final Dropout dropout = Dropout.of(0.1f, Philox.PURPOSE_RESIDUAL_DROPOUT, 0);
  private Ops ops;
  private Tensor x; // (N, C)
  private Tensor branch; // (N, C)
  private Tensor gamma; // (C)
  private Tensor beta; // (C)
  private Tensor sum; // (N, C)
  private Tensor out; // (N, C)
  private Tensor mean; // (N)
  private Tensor rstd; // (N)
  private Tensor dGamma; // (C)
  private Tensor dBeta; // (C)
  private Tensor workspace;
  private Tensor wide; // (N, 4C)
  private Tensor wideGradient; // (N, 4C)
  private Tensor wideOut; // (N, 4C)

  /** Allocates, and runs forward once for backward to read. */
  @Setup
  public void setUp(CpuState cpu) {
    ops = cpu.ops();
    x = cpu.random(ROWS, WIDTH);
    branch = cpu.random(ROWS, WIDTH);
    gamma = cpu.random(WIDTH);
    beta = cpu.random(WIDTH);
    sum = cpu.zeros(ROWS, WIDTH);
    out = cpu.zeros(ROWS, WIDTH);
    mean = cpu.zeros(ROWS);
    rstd = cpu.zeros(ROWS);
    dGamma = cpu.zeros(WIDTH);
    dBeta = cpu.zeros(WIDTH);
    workspace = cpu.workspace(ops.layerNormBackwardWorkspace(ROWS, WIDTH));
    wide = cpu.random(ROWS, WIDE);
    wideGradient = cpu.random(ROWS, WIDE);
    wideOut = cpu.zeros(ROWS, WIDE);
    ops.layerNorm(x, gamma, beta, out, mean, rstd);
  }

  /** Layer normalisation. */
  @Benchmark
  public void layerNorm(Work work) {
    ops.layerNorm(x, gamma, beta, out, mean, rstd);
    work.did(OpCost.layerNorm(DType.F32, ROWS, WIDTH));
  }

  /** Residual sum with dropout, and layer normalisation. */
  @Benchmark
  public void residualLayerNorm(Work work) {
    ops.residualLayerNorm(x, branch, dropout, SEQUENCE, gamma, beta, sum, out, mean, rstd);
    work.did(OpCost.residualLayerNorm(DType.F32, ROWS, WIDTH));
  }

  /** Gradient of the residual link without a later link. */
  @Benchmark
  public void residualLayerNormBackward(Work work) {
    ops.residualLayerNormBackward(
        branch, x, gamma, mean, rstd, null, dropout, SEQUENCE, sum, out, dGamma, dBeta, false,
        workspace);
    work.did(OpCost.layerNormBackward(DType.F32, ROWS, WIDTH, 4));
  }

  /** GELU. */
  @Benchmark
  public void gelu(Work work) {
    ops.gelu(wide, wideOut);
    work.did(OpCost.elementwise(DType.F32, wide.count(), 2));
  }

  /** Gradient of GELU. */
  @Benchmark
  public void geluBackward(Work work) {
    ops.geluBackward(wide, wideGradient, wideOut);
    work.did(OpCost.elementwise(DType.F32, wide.count(), 3));
  }
}
