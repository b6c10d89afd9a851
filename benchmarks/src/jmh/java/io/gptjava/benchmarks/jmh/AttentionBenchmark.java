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
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Causal attention of GPT-2 124M (12 heads of 64), dropout 0.1, over 1,024 tokens in sequences of
 * T.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "-XX:+UseTransparentHugePages"})
@State(Scope.Benchmark)
public class AttentionBenchmark {
  private static final int TOKENS = 1024;
  private static final int WIDTH = 768;
  private static final int HEADS = 12;

  /** T. */
  @Param({"256", "1024"})
  public int sequence;

  private final Dropout dropout = Dropout.of(0.1f, Philox.PURPOSE_ATTENTION_DROPOUT, 0);
  private Ops ops;
  private OpCost forwardCost;
  private OpCost backwardCost;
  private Tensor qkv; // (B, T, 3C)
  private Tensor out; // (B, T, C)
  private Tensor logSumExp; // (B, NH, T)
  private Tensor dOut; // (B, T, C)
  private Tensor dQkv; // (B, T, 3C)
  private Tensor workspace;

  /** Allocates, and runs forward once for backward to read. */
  @Setup
  public void setUp(CpuState cpu) {
    int batch = TOKENS / sequence;
    ops = cpu.ops();
    forwardCost = OpCost.attention(DType.F32, batch, sequence, HEADS, WIDTH);
    backwardCost = OpCost.attentionBackward(DType.F32, batch, sequence, HEADS, WIDTH);
    qkv = cpu.random(batch, sequence, 3 * WIDTH);
    out = cpu.zeros(batch, sequence, WIDTH);
    logSumExp = cpu.zeros(batch, HEADS, sequence);
    dOut = cpu.random(batch, sequence, WIDTH);
    dQkv = cpu.zeros(batch, sequence, 3 * WIDTH);
    workspace = cpu.workspace(ops.attentionBackwardWorkspace(batch, sequence, WIDTH, HEADS));
    ops.attention(qkv, null, HEADS, dropout, out, logSumExp);
  }

  /** Forward. */
  @Benchmark
  public void forward(Work work) {
    ops.attention(qkv, null, HEADS, dropout, out, logSumExp);
    work.did(forwardCost);
  }

  /** Backward. */
  @Benchmark
  public void backward(Work work) {
    ops.attentionBackward(dOut, qkv, out, logSumExp, null, HEADS, dropout, dQkv, workspace);
    work.did(backwardCost);
  }
}
