package io.gptjava.benchmarks.jmh;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.DType;
import io.gptjava.core.Ops;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** The CPU backend with all processors, and random tensors on it. */
@State(Scope.Benchmark)
public class CpuState {
  private final SplittableRandom random = new SplittableRandom(1);
  private Backend backend;

  /** Opens the backend. */
  @Setup(Level.Trial)
  public void open() {
    backend = Backends.open("cpu", BackendOptions.DEFAULT);
  }

  /** Closes the backend and frees the tensors. */
  @TearDown(Level.Trial)
  public void close() {
    backend.close();
  }

  Backend backend() {
    return backend;
  }

  Ops ops() {
    return backend.ops();
  }

  /** An fp32 tensor of zeros. */
  Tensor zeros(long... shape) {
    return tensor(DType.F32, shape);
  }

  /** Uniform values in ±0.5: zeros would flatter. */
  Tensor random(long... shape) {
    Tensor tensor = zeros(shape);
    float[] values = new float[Math.toIntExact(tensor.count())];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    backend.upload(MemorySegment.ofArray(values), tensor);
    return tensor;
  }

  /** Random ids below a bound. */
  Tensor ids(int bound, long... shape) {
    Tensor tensor = tensor(DType.I32, shape);
    int[] values = new int[Math.toIntExact(tensor.count())];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextInt(bound);
    }
    backend.upload(MemorySegment.ofArray(values), tensor);
    return tensor;
  }

  /** Scratch of so many bytes. */
  Tensor workspace(long bytes) {
    return tensor(DType.U8, bytes);
  }

  private Tensor tensor(DType dtype, long... shape) {
    long count = 1;
    for (long dimension : shape) {
      count *= dimension;
    }
    return Tensor.of(backend.allocate("benchmark", count * dtype.bytes()), 0, dtype, shape);
  }
}
