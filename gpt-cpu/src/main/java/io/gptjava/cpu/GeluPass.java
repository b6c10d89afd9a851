package io.gptjava.cpu;

import io.gptjava.core.DType;
import java.lang.foreign.MemorySegment;

/**
 * GELU, or its derivative, as a pass of its own over a finished matrix product, row by row: what
 * {@link GemmEpilogue} does to a tile.
 */
final class GeluPass {
  private final WorkerPool pool;
  private final RowScratch scratch;
  private final WorkerPool.Task activating = this::activate;
  private final WorkerPool.Task differentiating = this::differentiate;

  // The pass being run.
  private MemorySegment out;
  private MemorySegment source;
  private DType type;
  private long leading;
  private int columns;

  GeluPass(WorkerPool pool, RowScratch scratch) {
    this.pool = pool;
    this.scratch = scratch;
  }

  /**
   * {@code out = GELU(source)}, or {@code out = out · GELU'(source)}; nothing for other epilogues.
   *
   * @param type of both matrices
   * @param source pre-activation; may be {@code out}
   * @param leading elements from row to row of both
   */
  void run(
      GemmEpilogue epilogue,
      DType type,
      MemorySegment source,
      MemorySegment out,
      int rows,
      int columns,
      long leading) {
    this.type = type;
    this.source = source;
    this.out = out;
    this.columns = columns;
    this.leading = leading;
    if (epilogue == GemmEpilogue.BIAS_GELU) {
      scratch.reserve(HalfGelu.BLOCK);
      pool.run(rows, activating);
    } else if (epilogue == GemmEpilogue.GELU_BACKWARD) {
      scratch.reserve(HalfGelu.BLOCK);
      pool.run(rows, differentiating);
    }
    this.source = null;
    this.out = null;
  }

  private void activate(int row, int worker) {
    if (type == DType.BF16) {
      HalfGelu.forward(source, out, row * leading, columns, scratch.row(worker, 0));
    } else {
      ElementwiseOps.gelu(source, out, row * leading * Float.BYTES, columns);
    }
  }

  private void differentiate(int row, int worker) {
    if (type == DType.BF16) {
      MemorySegment own = scratch.row(worker, 0);
      HalfGelu.backward(source, out, out, row * leading, columns, own, scratch.row(worker, 1));
    } else {
      ElementwiseOps.geluBackward(source, out, out, row * leading * Float.BYTES, columns);
    }
  }
}
