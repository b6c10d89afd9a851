package io.gptjava.benchmarks.kernels;

import io.gptjava.core.Backend;
import io.gptjava.core.Memory;
import io.gptjava.core.Ops;
import io.gptjava.core.StepControl;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.util.List;

/** Notes the names of the ops that are called, without running them. */
record CountedBackend(Backend backend, List<String> called) implements Backend {
  @Override
  public Ops ops() {
    return (Ops)
        Proxy.newProxyInstance(
            Ops.class.getClassLoader(),
            new Class<?>[] {Ops.class},
            (_, method, arguments) -> {
              if (method.getReturnType() != void.class) {
                return method.invoke(backend.ops(), arguments);
              }
              called.add(method.getName());
              return null;
            });
  }

  @Override
  public String name() {
    return backend.name();
  }

  @Override
  public String description() {
    return backend.description();
  }

  @Override
  public StepControl stepControl() {
    return backend.stepControl();
  }

  @Override
  public Memory allocate(String role, long bytes) {
    return backend.allocate(role, bytes);
  }

  @Override
  public void upload(MemorySegment host, Tensor tensor) {
    backend.upload(host, tensor);
  }

  @Override
  public void download(Tensor tensor, MemorySegment host) {
    backend.download(tensor, host);
  }

  @Override
  public void synchronize() {
    backend.synchronize();
  }

  @Override
  public void close() {
    backend.close();
  }
}
