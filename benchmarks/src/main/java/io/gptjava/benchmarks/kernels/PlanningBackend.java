package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.ForwardingBackend;
import io.gptjava.core.Backend;
import io.gptjava.core.Memory;
import io.gptjava.core.Ops;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;

/**
 * Counts what would be allocated on another backend, and does nothing: ops and uploads have no
 * effect; only questions, such as for the size of a workspace, reach the other one.
 */
final class PlanningBackend extends ForwardingBackend {
  private final Ops ops;
  private long bytes;

  /** Plans for a backend, which stays the caller's to close. */
  PlanningBackend(Backend backend) {
    super(backend);
    ops =
        (Ops)
            Proxy.newProxyInstance(
                Ops.class.getClassLoader(),
                new Class<?>[] {Ops.class},
                (_, method, arguments) ->
                    method.getReturnType() == void.class
                        ? null
                        : method.invoke(backend.ops(), arguments));
  }

  /** Bytes that were asked for so far. */
  long bytes() {
    return bytes;
  }

  @Override
  public Ops ops() {
    return ops;
  }

  /** Memory of a size and at no place. */
  @Override
  @SuppressWarnings("restricted") // nobody reads it
  public Memory allocate(String role, long size) {
    bytes += size;
    return new Memory(role, MemorySegment.NULL.reinterpret(size), false);
  }

  @Override
  public void upload(MemorySegment host, Tensor tensor) {
    // Nothing is kept.
  }

  @Override
  public void download(Tensor tensor, MemorySegment host) {
    throw new UnsupportedOperationException("nothing was computed");
  }
}
