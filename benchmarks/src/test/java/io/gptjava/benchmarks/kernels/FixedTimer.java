package io.gptjava.benchmarks.kernels;

import java.util.List;

/** A timer to which every call takes one millisecond. */
record FixedTimer(List<Integer> calls) implements OpTimer {
  @Override
  public double milliseconds(Runnable ops) {
    int before = calls.size();
    ops.run();
    return calls.size() - before;
  }

  @Override
  public String method() {
    return "one millisecond a call";
  }

  @Override
  public void close() {
    // Holds nothing.
  }
}
