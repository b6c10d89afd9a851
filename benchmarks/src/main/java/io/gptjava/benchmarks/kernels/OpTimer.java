package io.gptjava.benchmarks.kernels;

import io.gptjava.core.Backend;

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
    return new HostClock(backend);
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
}
