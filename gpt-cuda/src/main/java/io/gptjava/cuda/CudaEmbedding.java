package io.gptjava.cuda;

import static io.gptjava.cuda.Launches.ceiling;

import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.Kernel;

/**
 * Token and position embedding; the kernels are those of {@code embedding.cu}. The gradient by
 * token sorts the rows by token first, so that each token's rows are added in order.
 */
final class CudaEmbedding {
  private static final int THREADS = 128;

  /** Rows of a block, one warp each, in the forward op. */
  private static final int ROWS = 4;

  /** Places of the sorted order that a block sums. */
  private static final int TILE = 64;

  /** Values of one pass's digit, and threads of its blocks. */
  private static final int DIGITS = 256;

  private static final int DIGIT_BITS = 8;

  /** Most blocks of a pass; each reads all their counts. */
  private static final int SORT_BLOCKS = 64;

  private static final int LEAST_SORT_ROWS = 1024;

  private static final int JOIN_THREADS = 256;
  private static final int ALIGNMENT = 64;

  private final CudaDevice device;
  private final CudaStepControl control;
  private final KernelForms forward;
  private final KernelForms tokenGradient;
  private final KernelForms positionGradient;

  CudaEmbedding(CudaDevice device, CudaStepControl control) {
    this.device = device;
    this.control = control;
    forward = new KernelForms(device, "embedding");
    tokenGradient = new KernelForms(device, "token_gradient");
    positionGradient = new KernelForms(device, "position_gradient");
  }

  void embedding(
      Tensor tokens, Tensor wte, Tensor wpe, int firstPosition, Dropout dropout, Tensor out) {
    long rows = tokens.count();
    long sequence = tokens.size(-1);
    long width = wte.size(-1);
    CudaOperands.i32("tokens", tokens, rows);
    DType type = CudaOperands.floatType("wte", wte, wte.rows(), width);
    CudaOperands.matrix("wpe", wpe, type, wpe.rows(), width);
    CudaOperands.matrix("out", out, type, rows, width);
    CudaOperands.require(
        firstPosition >= 0 && firstPosition + sequence <= wpe.rows(), "position table", wpe);
    long addresses = wte.address() | wpe.address() | out.address();
    Kernel kernel =
        forward
            .of(type, Launches.packed(type, width, addresses))
            .pointer(tokens)
            .pointer(wte)
            .pointer(wpe)
            .pointer(out)
            .int32(rows)
            .int32(sequence)
            .int32(width)
            .int32(wte.rows())
            .int32(firstPosition);
    Launches.dropout(kernel, dropout, control).launch(ceiling(rows, ROWS), 1, 1, THREADS, 0);
  }

  void embeddingBackward(
      Tensor tokens,
      Tensor dOut,
      Dropout dropout,
      Tensor dWte,
      boolean accumulateWte,
      Tensor dWpe,
      boolean accumulateWpe,
      Tensor workspace) {
    int rows = Math.toIntExact(tokens.count());
    int sequence = Math.toIntExact(tokens.size(-1));
    int width = Math.toIntExact(dWte.size(-1));
    CudaOperands.i32("tokens", tokens, rows);
    DType type = CudaOperands.floatType("dOut", dOut, rows, width);
    CudaOperands.f32("dWte", dWte, dWte.rows(), width);
    CudaOperands.f32("dWpe", dWpe, dWpe.rows(), width);
    CudaOperands.require(sequence <= dWpe.rows(), "dWpe", dWpe);
    Scratch scratch = new Scratch(rows, width);
    CudaOperands.workspace(workspace, scratch.bytes);
    if (!accumulateWte) {
      device.stream().zero(dWte.address(), dWte.byteSize());
    }
    long base = workspace.address();
    int sorted = sort(tokens, Math.toIntExact(dWte.rows()), scratch, base);
    boolean packed =
        Launches.packed(type, width, dOut.address() | dWte.address() | dWpe.address() | base);
    sumTokens(type, packed, scratch, base, sorted, dOut, sequence, dropout, dWte, accumulateWte);
    sumPositions(type, packed, dOut, rows / sequence, sequence, dropout, dWpe, accumulateWpe);
  }

  /** Where things are in the workspace. Two sets of keys and rows, which passes swap. */
  private static final class Scratch {
    final int rows;
    final int width;
    final int sortRows;
    final int sortBlocks;
    final long counts;
    final long[] keys = new long[2];
    final long[] rowIds = new long[2];
    final long bytes;

    Scratch(int rows, int width) {
      this.rows = rows;
      this.width = width;
      long least = Math.max(LEAST_SORT_ROWS, ceiling(rows, SORT_BLOCKS));
      sortRows = Math.toIntExact(ceiling(least, DIGITS) * DIGITS);
      sortBlocks = (int) ceiling(rows, sortRows);
      long list = aligned((long) Integer.BYTES * rows);
      counts = aligned((long) Float.BYTES * ceiling(rows, TILE) * width); // partial sums first
      keys[0] = counts + (long) Integer.BYTES * DIGITS * sortBlocks;
      rowIds[0] = keys[0] + list;
      keys[1] = rowIds[0] + list;
      rowIds[1] = keys[1] + list;
      bytes = rowIds[1] + list;
    }

    private static long aligned(long size) {
      return ceiling(size, ALIGNMENT) * ALIGNMENT;
    }
  }

  /** Sorts the rows by token and tells which set of lists has the result. */
  private int sort(Tensor tokens, int vocabulary, Scratch scratch, long base) {
    Kernel histogram = device.kernel("token_histogram");
    Kernel scatter = device.kernel("token_scatter");
    int bits = Integer.SIZE - Integer.numberOfLeadingZeros(vocabulary); // of all keys and V'
    int from = 1;
    for (int shift = 0; shift < bits; shift += DIGIT_BITS) {
      int to = 1 - from;
      long keys = shift == 0 ? tokens.address() : base + scratch.keys[from];
      histogram
          .address(keys)
          .int32(scratch.rows)
          .int32(scratch.sortRows)
          .int32(shift)
          .int32(vocabulary)
          .address(base + scratch.counts)
          .launch(scratch.sortBlocks, 1, 1, DIGITS, 0);
      scatter
          .address(keys)
          .address(shift == 0 ? 0 : base + scratch.rowIds[from])
          .int32(scratch.rows)
          .int32(scratch.sortRows)
          .int32(shift)
          .int32(vocabulary)
          .address(base + scratch.counts)
          .address(base + scratch.keys[to])
          .address(base + scratch.rowIds[to])
          .launch(scratch.sortBlocks, 1, 1, DIGITS, 0);
      from = to;
    }
    return from;
  }

  private void sumTokens(
      DType type,
      boolean packed,
      Scratch scratch,
      long base,
      int sorted,
      Tensor dOut,
      int sequence,
      Dropout dropout,
      Tensor dWte,
      boolean accumulate) {
    long tiles = ceiling(scratch.rows, TILE);
    long columns = (long) THREADS * (packed ? Launches.pack(type) : 1);
    Kernel kernel =
        tokenGradient
            .of(type, packed)
            .address(base + scratch.keys[sorted])
            .address(base + scratch.rowIds[sorted])
            .pointer(dOut)
            .pointer(dWte)
            .address(base)
            .int32(scratch.rows)
            .int32(sequence)
            .int32(scratch.width)
            .int32(dWte.rows())
            .int32(accumulate ? 1 : 0);
    Launches.dropout(kernel, dropout, control)
        .launch(tiles, (int) ceiling(scratch.width, columns), 1, THREADS, 0);
    device
        .kernel("token_gradient_join")
        .address(base + scratch.keys[sorted])
        .address(base)
        .pointer(dWte)
        .int32(scratch.rows)
        .int32(scratch.width)
        .int32(dWte.rows())
        .launch(tiles, 1, 1, JOIN_THREADS, 0);
  }

  private void sumPositions(
      DType type,
      boolean packed,
      Tensor dOut,
      int batch,
      int sequence,
      Dropout dropout,
      Tensor dWpe,
      boolean accumulate) {
    long units = dWpe.count() / (packed ? Launches.pack(type) : 1);
    Kernel kernel =
        positionGradient
            .of(type, packed)
            .pointer(dOut)
            .pointer(dWpe)
            .int32(batch)
            .int32(sequence)
            .int32(dWpe.size(-1))
            .int32(dWpe.rows())
            .int32(accumulate ? 1 : 0);
    Launches.dropout(kernel, dropout, control).launch(ceiling(units, THREADS), 1, 1, THREADS, 0);
  }

  long embeddingBackwardWorkspace(int batch, int sequence, int width) {
    return new Scratch(Math.multiplyExact(batch, sequence), width).bytes;
  }
}
