package io.gptjava.benchmarks.kernels;

import io.gptjava.core.Backend;
import io.gptjava.cuda.CudaBackend;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.Event;
import io.gptjava.cuda.device.Stream;

/** Measures how long a backend works on ops. */
interface OpTimer extends AutoCloseable {
  /** Milliseconds that the backend takes for the ops that {@code ops} issues. */
  double milliseconds(Runnable ops);

  /** How it measures, for reports. */
  String method();

  @Override
  void close();

  /** The best timer for a backend. */
  static OpTimer of(Backend backend) {
    return backend instanceof CudaBackend cuda
        ? new DeviceEvents(cuda.device())
        : new HostClock(backend);
  }

  /** The host's clock, between two moments at which the backend has nothing left to do. */
  final class HostClock implements OpTimer {
    private final Backend backend;

    HostClock(Backend backend) {
      this.backend = backend;
    }

    @Override
    public double milliseconds(Runnable ops) {
      backend.synchronize();
      long begin = System.nanoTime();
      ops.run();
      backend.synchronize();
      return (System.nanoTime() - begin) * 1e-6;
    }

    @Override
    public String method() {
      return "host clock";
    }

    @Override
    public void close() {
      // Holds nothing.
    }
  }

  /** Marks that the device sets in the stream of the ops, before and after them. */
  final class DeviceEvents implements OpTimer {
    private final Stream stream;
    private final Event begin;
    private final Event end;

    DeviceEvents(CudaDevice device) {
      stream = device.stream();
      begin = device.newEvent("benchmark begin", true);
      end = device.newEvent("benchmark end", true);
    }

    @Override
    public double milliseconds(Runnable ops) {
      stream.record(begin);
      ops.run();
      stream.record(end);
      end.synchronize();
      return end.millisecondsSince(begin);
    }

    @Override
    public String method() {
      return "device events";
    }

    @Override
    public void close() {
      begin.close();
      end.close();
    }
  }
}
