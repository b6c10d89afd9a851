package io.gptjava.cpu;

import io.gptjava.core.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Products of bf16 factors by this program's own fp32 product, for processors or systems without
 * oneDNN's: no faster than fp32. What becomes bf16 is computed in floats, some columns at a time,
 * and rounded once.
 */
final class HalfGemm implements MatrixProduct {
  /** Floats of the output at a time that stay in the last-level cache. */
  static final int BUFFER = 1 << 21;

  /** Columns at a time are a multiple of this. */
  private static final int UNIT = 64;

  private static final int BIAS = 7;

  private final WorkerPool pool;
  private final RowScratch scratch;
  private final Gemm gemm;
  private final int most;
  private final GeluPass gelu;
  private final Arena arena = Arena.ofShared();
  private final WorkerPool.Task narrowing = this::narrow;
  private MemorySegment buffer = MemorySegment.NULL;

  // The columns being narrowed.
  private MemorySegment to;
  private long leading;
  private int first;
  private int columns;

  /**
   * Products on a pool.
   *
   * @param most floats of the output at a time, if they are {@link #UNIT} columns
   */
  HalfGemm(WorkerPool pool, RowScratch scratch, Gemm gemm, int most) {
    this.pool = pool;
    this.most = most;
    this.scratch = scratch;
    this.gemm = gemm;
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
    if (outType == DType.F32) {
      assert epilogue == GemmEpilogue.STORE : epilogue;
      gemm.multiply(
          a, b, m, n, k, outType, out, leading, accumulate, epilogue, null, null, columnSumsOrNull);
      return;
    }
    assert !accumulate && columnSumsOrNull == null;
    boolean activates = epilogue == GemmEpilogue.BIAS_GELU;
    MemorySegment source = activates && preActivationOrNull == null ? out : preActivationOrNull;
    to = activates ? source : out;
    this.leading = leading;
    int step = Math.min(n, Math.max(UNIT, most / m / UNIT * UNIT));
    reserve((long) m * step);
    scratch.reserve(step);
    for (first = 0; first < n; first += step) {
      columns = Math.min(step, n - first);
      slice(a, b, m, k, biasOrNull);
      pool.run(m, narrowing);
    }
    to = null;
    gelu.run(epilogue, outType, source, out, m, n, leading);
  }

  /** The columns as floats, bias included, into the buffer. */
  private void slice(GemmOperand a, GemmOperand b, int m, int k, MemorySegment biasOrNull) {
    MemorySegment data = b.data().asSlice(b.transposed() ? b.offset(first, 0) : b.offset(0, first));
    MemorySegment bias = null;
    if (biasOrNull != null) {
      bias = scratch.row(0, BIAS);
      HalfVectors.widen(biasOrNull, (long) first * HalfVectors.BYTES, bias, 0, columns);
    }
    gemm.multiply(
        a,
        new GemmOperand(data, b.type(), b.leading(), b.transposed()),
        m,
        columns,
        k,
        DType.F32,
        buffer,
        columns,
        false,
        GemmEpilogue.BIAS,
        bias,
        null,
        null);
  }

  private void narrow(int row, int worker) {
    long from = (long) row * columns * Float.BYTES;
    HalfVectors.narrow(buffer, from, to, (row * leading + first) * HalfVectors.BYTES, columns);
  }

  private void reserve(long floats) {
    if (buffer.byteSize() < floats * Float.BYTES) {
      buffer = arena.allocate(floats * Float.BYTES, Vectors.F.vectorByteSize());
    }
  }

  @Override
  public void close() {
    arena.close();
    gemm.close();
  }
}
