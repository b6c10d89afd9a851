package io.gptjava.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Rows of floats for each worker of a pool, in which ops on bf16 tensors compute. What a row holds
 * is meaningless between ops.
 */
final class RowScratch implements AutoCloseable {
  /** Rows of a worker. */
  static final int ROWS = 8;

  private static final long ALIGNMENT = 64;

  /** Keeps equal places of neighbouring rows in different sets of the cache. */
  private static final long GAP = 3 * ALIGNMENT;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment[][] rows;
  private int length;

  RowScratch(WorkerPool pool) {
    rows = new MemorySegment[pool.threads()][ROWS];
  }

  /** Makes rows at least so long; never within a task. Earlier ones are freed at the end only. */
  void reserve(long floats) {
    if (floats <= length) {
      return;
    }
    length = Math.toIntExact((floats + 1023) / 1024 * 1024);
    long bytes = (long) length * Float.BYTES + GAP;
    for (MemorySegment[] own : rows) {
      MemorySegment block = arena.allocate(ROWS * bytes, ALIGNMENT);
      for (int i = 0; i < ROWS; i++) {
        own[i] = block.asSlice(i * bytes, (long) length * Float.BYTES);
      }
    }
  }

  /** A worker's row. */
  MemorySegment row(int worker, int index) {
    return rows[worker][index];
  }

  @Override
  public void close() {
    arena.close();
  }
}
