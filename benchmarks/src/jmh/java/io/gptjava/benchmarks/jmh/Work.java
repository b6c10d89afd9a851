package io.gptjava.benchmarks.jmh;

import io.gptjava.benchmarks.OpCost;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/**
 * What the operations did. JMH divides both counters by the time in milliseconds, so that 10⁶ FLOPs
 * and 10⁶ bytes an operation show as GFLOP/s and GB/s.
 */
@AuxCounters(AuxCounters.Type.OPERATIONS)
@State(Scope.Thread)
public class Work {
  private static final double MEGA = 1e6;

  /** Multiplications and additions of matrix products, in 10⁶. */
  public double gflops;

  /** Unavoidable reads and writes, in 10⁶ bytes. */
  public double gbps;

  void did(OpCost cost) {
    gflops += cost.flops() / MEGA;
    gbps += cost.bytes() / MEGA;
  }

  void moved(long bytes) {
    gbps += bytes / MEGA;
  }
}
