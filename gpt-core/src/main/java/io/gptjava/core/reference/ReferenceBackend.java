package io.gptjava.core.reference;

import io.gptjava.core.Backend;
import io.gptjava.core.HostMemory;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Memory;
import io.gptjava.core.Ops;
import io.gptjava.core.StepControl;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * The truth that other backends are measured against: every op written from its formula, scalar, on
 * one thread, accumulating in float64, on {@link io.gptjava.core.DType#F32} tensors (all float
 * types in {@link Ops#cast}). Made to be read, not to be fast; unlike other backends it uses small
 * arrays on the heap and needs no workspace.
 */
public final class ReferenceBackend implements Backend {
  private final HostMemory memory = new HostMemory();
  private final HostStepControl control = new HostStepControl();
  private final ReferenceOps ops = new ReferenceOps(control);

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public String description() {
    return "reference, scalar, 1 thread, float64 accumulation";
  }

  @Override
  public Ops ops() {
    return ops;
  }

  @Override
  public StepControl stepControl() {
    return control;
  }

  @Override
  public Memory allocate(String role, long bytes) {
    return memory.allocate(role, bytes);
  }

  @Override
  public void upload(MemorySegment host, Tensor tensor) {
    HostMemory.upload(host, tensor);
  }

  @Override
  public void download(Tensor tensor, MemorySegment host) {
    HostMemory.download(tensor, host);
  }

  @Override
  public void synchronize() {
    // Every op has finished when it returns.
  }

  @Override
  public void close() {
    memory.close();
  }
}
