package io.gptjava.train.formats;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/** How much of the heap something asks for. */
final class Allocation {
  private static final ThreadMXBean THREAD = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private Allocation() {}

  /** Something that may fail. */
  interface Action {
    void run() throws Exception;
  }

  /** Runs an action and checks that all its allocations together stay below a limit. */
  static void assertBelow(long limit, Action action) throws Exception {
    long before = THREAD.getCurrentThreadAllocatedBytes();
    try {
      action.run();
    } finally {
      long allocated = THREAD.getCurrentThreadAllocatedBytes() - before;
      assertTrue(allocated < limit, () -> "%,d bytes were allocated".formatted(allocated));
    }
  }
}
