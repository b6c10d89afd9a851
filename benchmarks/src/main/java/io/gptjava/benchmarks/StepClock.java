package io.gptjava.benchmarks;

import io.gptjava.core.Backend;
import io.gptjava.cuda.CudaBackend;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.Event;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleSupplier;

/** Tells when a backend reaches places between the ops of a step. */
abstract class StepClock implements AutoCloseable {
  /** The best clock for a backend. */
  static StepClock of(Backend backend) {
    return backend instanceof CudaBackend cuda ? new Device(cuda.device()) : new Host(backend);
  }

  /** Begins a step, from which its marks count. */
  abstract void restart();

  /**
   * Marks a place behind the ops issued so far.
   *
   * @return milliseconds from the step's beginning to when the backend was there; to be asked once
   *     the backend has nothing left to do
   */
  abstract DoubleSupplier mark();

  /** How it measures, for reports. */
  abstract String method();

  @Override
  public abstract void close();

  /** The host's clock, the backend having been waited for. */
  private static final class Host extends StepClock {
    private final Backend backend;
    private long begin;

    Host(Backend backend) {
      this.backend = backend;
    }

    @Override
    void restart() {
      backend.synchronize();
      begin = System.nanoTime();
    }

    @Override
    DoubleSupplier mark() {
      backend.synchronize();
      double milliseconds = (System.nanoTime() - begin) * 1e-6;
      return () -> milliseconds;
    }

    @Override
    String method() {
      return "host clock";
    }

    @Override
    public void close() {
      // Holds nothing.
    }
  }

  /** Marks that the device sets in the stream of the ops, without waiting for it. */
  private static final class Device extends StepClock {
    private final CudaDevice device;
    private final List<Event> events = new ArrayList<>();
    private int used;

    Device(CudaDevice device) {
      this.device = device;
    }

    @Override
    void restart() {
      used = 0;
      record();
    }

    private Event record() {
      if (used == events.size()) {
        events.add(device.newEvent("profile " + used, true));
      }
      Event event = events.get(used++);
      device.stream().record(event);
      return event;
    }

    @Override
    DoubleSupplier mark() {
      Event begin = events.getFirst();
      Event here = record();
      return () -> here.millisecondsSince(begin);
    }

    @Override
    String method() {
      return "device events";
    }

    @Override
    public void close() {
      events.forEach(Event::close);
    }
  }
}
