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

  private final WorkerPool pool;
  private final OneDnnProduct product;
  private final WorkerPool.Task activating = this::activate;
  private final WorkerPool.Task differentiating = this::differentiate;
  private final WorkerPool.Task summing = this::sum;

  // The pass being run.
  private MemorySegment out;
  private MemorySegment source;
  private MemorySegment columnSums;
  private GemmOperand summed;
  private long leading;
  private int columns;
  private int terms;
  private boolean onto;

  OneDnnGemm(WorkerPool pool, OneDnnApi api) {
    this.pool = pool;
    product = new OneDnnProduct(api, pool);
  }

  @Override
  public void multiply(
      GemmOperand a,
      GemmOperand b,
      int m,
      int n,
      int k,
      MemorySegment out,
      long leading,
      boolean accumulate,
      GemmEpilogue epilogue,
      MemorySegment biasOrNull,
      MemorySegment preActivationOrNull,
      MemorySegment columnSumsOrNull) {
    boolean gelu = epilogue == GemmEpilogue.BIAS_GELU;
    this.out = out;
    this.leading = leading;
    columns = n;
    source = gelu && preActivationOrNull == null ? out : preActivationOrNull;
    product.multiply(
        DType.F32,
        a.data(),
        a.leading(),
        a.transposed(),
        b.data(),
        b.leading(),
        b.transposed(),
        m,
        n,
        k,
        DType.F32,
        gelu ? source : out,
        leading,
        accumulate,
        biasOrNull);
    if (gelu) {
      pool.run(m, activating);
    } else if (epilogue == GemmEpilogue.GELU_BACKWARD) {
      pool.run(m, differentiating);
    }
    if (columnSumsOrNull != null) {
      assert !b.transposed();
      columnSums = columnSumsOrNull;
      summed = b;
      terms = k;
      onto = accumulate;
      pool.run((n + SUM_COLUMNS - 1) / SUM_COLUMNS, summing);
    }
    this.out = null;
    source = null;
    columnSums = null;
    summed = null;
  }

  private void activate(int row, int worker) {
    ElementwiseOps.gelu(source, out, row * leading * Float.BYTES, columns);
  }

  private void differentiate(int row, int worker) {
    ElementwiseOps.geluBackward(source, out, out, row * leading * Float.BYTES, columns);
  }

  private void sum(int task, int worker) {
    int from = task * SUM_COLUMNS;
    ColumnSum.add(
        summed.data(),
        summed.leading(),
        terms,
        from,
        Math.min(columns, from + SUM_COLUMNS),
        columnSums,
        onto);
  }

  @Override
  public void close() {
    product.close();
  }
}
