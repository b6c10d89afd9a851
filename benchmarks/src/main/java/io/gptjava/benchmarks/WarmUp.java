package io.gptjava.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleSupplier;

/** Steps that are not timed. */
final class WarmUp {
  /** The JIT is quiet when it compiled for at most this share of a step. */
  private static final double QUIET_JIT_SHARE = 0.1;

  private WarmUp() {}

  /**
   * Steps until their times have settled and the JIT is quiet.
   *
   * @param most steps
   * @param step milliseconds of one
   * @return how many it took
   */
  static int run(int most, DoubleSupplier step) {
    List<Double> times = new ArrayList<>();
    boolean quiet = false;
    while (times.size() < most && !(quiet && Timing.stable(times))) {
      long compiledBefore = JitTime.milliseconds();
      double ms = step.getAsDouble();
      times.add(ms);
      quiet = JitTime.milliseconds() - compiledBefore <= QUIET_JIT_SHARE * ms;
    }
    return times.size();
  }
}
