package io.gptjava.cpu;

import io.gptjava.core.DType;
import io.gptjava.cpu.onednn.OneDnnApi;
import io.gptjava.cpu.onednn.OneDnnProduct;
import java.lang.foreign.MemorySegment;

/**
 * The ops' products through oneDNN. Bias and accumulation are the library's; GELU, its derivative
 * and column sums are second passes on the pool, row by row, in the library's memory order.
 */
final class OneDnnGemm implements MatrixProduct {
  /** Columns whose sums one task takes: whole cache lines of every row. */
  private static final int SUM_COLUMNS = 64;

  /** Row of a worker's scratch that holds a bias as floats. */
  private static final int BIAS = 7;

  private final WorkerPool pool;
  private final RowScratch scratch;
  private final OneDnnProduct product;
  private final GeluPass gelu;
  private final WorkerPool.Task summing = this::sum;

  // The column sums being taken.
  private MemorySegment columnSums;
  private GemmOperand summed;
  private int columns;
  private int terms;
  private boolean onto;

  OneDnnGemm(WorkerPool pool, RowScratch scratch, OneDnnApi api) {
    this.pool = pool;
    this.scratch = scratch;
    product = new OneDnnProduct(api, pool);
    gelu = new GeluPass(pool, scratch);
  }

  @Override
  public void multiply(
      GemmOperand a,
      GemmOperand b,
      int m,
      int n,
      int k,
      DType outType,
      MemorySegment out,
      long leading,
      boolean accumulate,
      GemmEpilogue epilogue,
      MemorySegment biasOrNull,
      MemorySegment preActivationOrNull,
      MemorySegment columnSumsOrNull) {
    boolean activates = epilogue == GemmEpilogue.BIAS_GELU;
    MemorySegment source = activates && preActivationOrNull == null ? out : preActivationOrNull;
    product.multiply(
        a.type(),
        a.data(),
        a.leading(),
        a.transposed(),
        b.data(),
        b.leading(),
        b.transposed(),
        m,
        n,
        k,
        outType,
        activates ? source : out,
        leading,
        accumulate,
        bias(a.type(), biasOrNull, n));
    gelu.run(epilogue, outType, source, out, m, n, leading);
    if (columnSumsOrNull != null) {
      assert !b.transposed();
      columnSums = columnSumsOrNull;
      summed = b;
      columns = n;
      terms = k;
      onto = accumulate;
      pool.run((n + SUM_COLUMNS - 1) / SUM_COLUMNS, summing);
      columnSums = null;
      summed = null;
    }
  }

  private MemorySegment bias(DType type, MemorySegment biasOrNull, int n) {
    if (biasOrNull == null || type == DType.F32) {
      return biasOrNull;
    }
    scratch.reserve(n);
    MemorySegment floats = scratch.row(0, BIAS);
    HalfVectors.widen(biasOrNull, 0, floats, 0, n);
    return floats;
  }

  private void sum(int task, int worker) {
    int from = task * SUM_COLUMNS;
    ColumnSum.add(summed, terms, from, Math.min(columns, from + SUM_COLUMNS), columnSums, onto);
  }

  @Override
  public void close() {
    product.close();
  }
}
