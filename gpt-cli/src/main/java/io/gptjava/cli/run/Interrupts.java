package io.gptjava.cli.run;

import java.io.PrintStream;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Ctrl-C and SIGTERM while long work goes on: the first asks it to stop soon, the second ends the
 * process at once. The class behind signals has no supported name, so it is reached by reflection,
 * which also spares the compiler's warning.
 */
public final class Interrupts implements AutoCloseable {
  private static final int EXIT_BASE = 128;
  private static final String[] NAMES = {"INT", "TERM"};

  private final AtomicInteger received = new AtomicInteger();
  private final Map<Object, Object> previous = new LinkedHashMap<>();
  private final Runnable stop;
  private final String announcement;
  private final PrintStream err;

  /**
   * Begins to listen.
   *
   * @param stop asks the work to stop; called on another thread
   * @param announcement what the first signal says that happens now
   * @param err where people read that it stops
   */
  public Interrupts(Runnable stop, String announcement, PrintStream err) {
    this.stop = stop;
    this.announcement = announcement;
    this.err = err;
    try {
      Class<?> handlerType = Class.forName("sun.misc.SignalHandler");
      Object handler =
          Proxy.newProxyInstance(
              Interrupts.class.getClassLoader(), new Class<?>[] {handlerType}, this::dispatch);
      for (String name : NAMES) {
        Object signal =
            Class.forName("sun.misc.Signal").getConstructor(String.class).newInstance(name);
        previous.put(signal, handle(signal, handler));
      }
    } catch (ReflectiveOperationException e) {
      err.println("warning: no clean stop by Ctrl-C on this Java: " + e);
    }
  }

  private static Object handle(Object signal, Object handler) throws ReflectiveOperationException {
    Method handle =
        signal
            .getClass()
            .getMethod("handle", signal.getClass(), Class.forName("sun.misc.SignalHandler"));
    return handle.invoke(null, signal, handler);
  }

  /** The {@link InvocationHandler} of the signal handler. */
  private Object dispatch(Object proxy, Method method, Object[] arguments)
      throws ReflectiveOperationException {
    return switch (method.getName()) {
      case "handle" -> {
        Object signal = arguments[0];
        arrived((int) signal.getClass().getMethod("getNumber").invoke(signal));
        yield null;
      }
      case "equals" -> proxy == arguments[0];
      case "hashCode" -> System.identityHashCode(proxy);
      default -> "gpt-java signal handler";
    };
  }

  private void arrived(int number) {
    if (!received.compareAndSet(0, number)) {
      Runtime.getRuntime().halt(EXIT_BASE + number);
    }
    err.println();
    err.println(announcement + "; a second signal stops at once.");
    stop.run();
  }

  /** The exit code for the signal that came, if one did. */
  public OptionalInt exitCode() {
    int number = received.get();
    return number == 0 ? OptionalInt.empty() : OptionalInt.of(EXIT_BASE + number);
  }

  /** Leaves signals to those who had them before. */
  @Override
  public void close() {
    previous.forEach(
        (signal, handler) -> {
          try {
            handle(signal, handler);
          } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e); // it worked once
          }
        });
  }
}
