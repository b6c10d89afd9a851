package io.gptjava.benchmarks;

import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;

/** How long the JVM has compiled. */
public final class JitTime {
  private JitTime() {}

  /** Milliseconds since it started; 0 where it does not tell. */
  public static long milliseconds() {
    CompilationMXBean jit = ManagementFactory.getCompilationMXBean();
    return jit == null || !jit.isCompilationTimeMonitoringSupported()
        ? 0
        : jit.getTotalCompilationTime();
  }
}
