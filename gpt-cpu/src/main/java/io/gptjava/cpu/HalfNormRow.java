package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;

/** One worker's {@link NormRow} on rows of bf16 tensors, with weights widened once an op. */
final class HalfNormRow {
  private static final int GAMMA = 6;
  private static final int BETA = 7;

  private final NormRow row;
  private final RowScratch scratch;
  private final int worker;

  HalfNormRow(NormRow row, RowScratch scratch, int worker) {
    this.row = row;
    this.scratch = scratch;
    this.worker = worker;
  }

  /** Prepares an op: its weights as floats, for all workers. */
  static void widenWeights(
      RowScratch scratch, int width, MemorySegment gamma, MemorySegment betaOrNull) {
    scratch.reserve(width);
    HalfVectors.widen(gamma, 0, scratch.row(0, GAMMA), 0, width);
    if (betaOrNull != null) {
      HalfVectors.widen(betaOrNull, 0, scratch.row(0, BETA), 0, width);
    }
  }

  private MemorySegment widened(MemorySegment tensor, long index, int slot) {
    MemorySegment to = scratch.row(worker, slot);
    int width = row.width();
    HalfVectors.widen(tensor, index * width * HalfVectors.BYTES, to, 0, width);
    return to;
  }

  private void narrow(MemorySegment from, MemorySegment tensor, long index) {
    int width = row.width();
    HalfVectors.narrow(from, 0, tensor, index * width * HalfVectors.BYTES, width);
  }

  /**
   * Takes a row, or its sum with a branch. That sum is normalised as it is stored, so that who
   * normalises it again gets the same bits.
   */
  void load(
      MemorySegment x, MemorySegment branchOrNull, MemorySegment sum, long index, long element) {
    MemorySegment in = widened(x, index, 0);
    if (branchOrNull == null) {
      row.load(in, 0);
      return;
    }
    MemorySegment total = scratch.row(worker, 2);
    row.loadSum(in, widened(branchOrNull, index, 1), total, 0, element);
    narrow(total, sum, index);
    row.load(widened(sum, index, 2), 0);
  }

  /** Normalises the row taken. */
  void normalize(MemorySegment out, MemorySegment means, MemorySegment rstds, long index) {
    MemorySegment y = scratch.row(worker, 3);
    MemorySegment gamma = scratch.row(0, GAMMA);
    row.normalize(gamma, scratch.row(0, BETA), y, 0, means, rstds, index * Float.BYTES);
    narrow(y, out, index);
  }

  /** All gradients of a row. */
  void backward(
      MemorySegment dOut,
      MemorySegment x,
      MemorySegment laterOrNull,
      MemorySegment means,
      MemorySegment rstds,
      MemorySegment dx,
      MemorySegment dBranchOrNull,
      long index,
      long element) {
    MemorySegment dy = widened(dOut, index, 0);
    MemorySegment in = widened(x, index, 1);
    row.gradients(dy, in, scratch.row(0, GAMMA), means, rstds, 0, index * Float.BYTES);
    MemorySegment later = laterOrNull == null ? null : widened(laterOrNull, index, 2);
    MemorySegment sum = scratch.row(worker, 3);
    row.inputGradient(later, sum, 0);
    narrow(sum, dx, index);
    if (dBranchOrNull != null) {
      MemorySegment branch = scratch.row(worker, 4);
      row.branchGradient(sum, branch, 0, element);
      narrow(branch, dBranchOrNull, index);
    }
  }
}
