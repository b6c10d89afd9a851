package io.gptjava.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * A fixed pool of platform threads that works through numbered tasks. The calling thread is one of
 * the workers. Tasks are dealt first come, first served, so a task's result must depend on its
 * number only: that is what keeps results equal for any number of threads.
 *
 * <p>Idle workers spin for a short while before they park, because a training step issues hundreds
 * of short ops back to back.
 */
public final class WorkerPool implements AutoCloseable {
  private static final long SPIN_NANOS = 50_000;

  /** One numbered piece of work. */
  @FunctionalInterface
  public interface Task {
    /**
     * Does the piece.
     *
     * @param task its number, from 0
     * @param worker which worker runs it, in [0, threads): an index for per-worker scratch
     */
    void run(int task, int worker);
  }

  private final Thread[] helpers;
  private final AtomicInteger next = new AtomicInteger();
  private final AtomicInteger busy = new AtomicInteger();
  private volatile int generation;
  private volatile boolean closed;
  private volatile Throwable failure;
  private Task body;
  private int count;

  /**
   * Starts the helpers.
   *
   * @param threads number of workers including the caller, at least 1
   */
  public WorkerPool(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, got " + threads);
    }
    helpers = new Thread[threads - 1];
    for (int i = 0; i < helpers.length; i++) {
      int worker = i + 1;
      helpers[i] =
          Thread.ofPlatform().daemon().name("gpt-worker-" + worker).start(() -> help(worker));
    }
  }

  /** Number of workers, the caller included. */
  public int threads() {
    return helpers.length + 1;
  }

  /**
   * Runs tasks 0 … {@code tasks − 1} and returns when all are done. Not reentrant.
   *
   * @throws RuntimeException or Error: the first that a task threw
   */
  public void run(int tasks, Task task) {
    if (helpers.length == 0 || tasks <= 1) {
      for (int i = 0; i < tasks; i++) {
        task.run(i, 0);
      }
      return;
    }
    body = task;
    count = tasks;
    next.set(0);
    busy.set(helpers.length);
    generation++; // publishes the fields above
    for (Thread helper : helpers) {
      LockSupport.unpark(helper);
    }
    work(0);
    awaitHelpers();
    body = null;
    Throwable thrown = failure;
    if (thrown != null) {
      failure = null;
      switch (thrown) {
        case RuntimeException e -> throw e;
        case Error e -> throw e;
        default -> throw new IllegalStateException(thrown);
      }
    }
  }

  /** Spins, then yields: on a busy machine the helper may be waiting for this very processor. */
  private void awaitHelpers() {
    long begin = System.nanoTime();
    while (busy.get() != 0) {
      if (System.nanoTime() - begin < SPIN_NANOS) {
        Thread.onSpinWait();
      } else {
        Thread.yield();
      }
    }
  }

  private void help(int worker) {
    int seen = 0;
    while (true) {
      long idleSince = System.nanoTime();
      while (generation == seen) {
        if (closed) {
          return;
        }
        if (System.nanoTime() - idleSince < SPIN_NANOS) {
          Thread.onSpinWait();
        } else {
          LockSupport.park(this);
        }
      }
      seen = generation;
      work(worker);
      busy.decrementAndGet();
    }
  }

  private void work(int worker) {
    try {
      for (int task = next.getAndIncrement(); task < count; task = next.getAndIncrement()) {
        body.run(task, worker);
      }
    } catch (RuntimeException | Error e) {
      failure = e;
      next.set(count);
    }
  }

  /** Stops the helpers. */
  @Override
  public void close() {
    closed = true;
    for (Thread helper : helpers) {
      LockSupport.unpark(helper);
    }
  }
}
