package io.gptjava.train;

import io.gptjava.core.Backend;
import java.lang.reflect.Proxy;

/** A backend of the host that says it is asynchronous, so that the trainer issues steps ahead. */
public final class AsynchronousBackend {
  private AsynchronousBackend() {}

  /** The same backend but for what it says. */
  public static Backend of(Backend backend) {
    return (Backend)
        Proxy.newProxyInstance(
            Backend.class.getClassLoader(),
            new Class<?>[] {Backend.class},
            (_, method, arguments) ->
                method.getName().equals("asynchronous")
                    ? (Object) true
                    : method.invoke(backend, arguments));
  }
}
