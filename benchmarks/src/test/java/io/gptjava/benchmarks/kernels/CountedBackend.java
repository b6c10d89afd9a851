package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.ForwardingBackend;
import io.gptjava.core.Backend;
import io.gptjava.core.Ops;
import java.lang.reflect.Proxy;
import java.util.List;

/** Notes the names of the ops that are called, without running them. */
final class CountedBackend extends ForwardingBackend {
  private final List<String> called;

  /** Calls are noted in a list. */
  CountedBackend(Backend backend, List<String> called) {
    super(backend);
    this.called = called;
  }

  @Override
  public Ops ops() {
    return (Ops)
        Proxy.newProxyInstance(
            Ops.class.getClassLoader(),
            new Class<?>[] {Ops.class},
            (_, method, arguments) -> {
              if (method.getReturnType() != void.class) {
                return method.invoke(backend().ops(), arguments);
              }
              called.add(method.getName());
              return null;
            });
  }

  @Override
  public void close() {
    backend().close();
  }
}
