package io.gptjava.cpu;

import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;

/** Layer normalisation and the residual stream. */
final class NormOps {
  /** Rows that one forward task works through; they do not influence each other. */
  private static final int FORWARD_ROWS = 16;

  /** Fewest rows behind one partial sum of the weight gradients, and most partial sums. */
  private static final int BACKWARD_ROWS = 32;

  private static final int MOST_PARTIALS = 64;

  private final WorkerPool pool;
  private final HostStepControl control;
  private final DropoutMask[] masks;
  private final NormRow[] rows;
  private final HalfNormRow[] halves;
  private final RowScratch scratch;

  NormOps(WorkerPool pool, HostStepControl control, RowScratch scratch) {
    this.pool = pool;
    this.control = control;
    this.scratch = scratch;
    masks = DropoutMask.forWorkers(pool);
    rows = new NormRow[pool.threads()];
    halves = new HalfNormRow[pool.threads()];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = new NormRow(masks[i]);
      halves[i] = new HalfNormRow(rows[i], scratch, i);
    }
  }

  void layerNorm(Tensor x, Tensor gamma, Tensor beta, Tensor out, Tensor mean, Tensor rstd) {
    forward(x, null, Dropout.NONE, 1, gamma, beta, null, out, mean, rstd);
  }

  void residualLayerNorm(
      Tensor residual,
      Tensor branch,
      Dropout dropout,
      int rowsPerSample,
      Tensor gamma,
      Tensor beta,
      Tensor residualOut,
      Tensor out,
      Tensor mean,
      Tensor rstd) {
    forward(residual, branch, dropout, rowsPerSample, gamma, beta, residualOut, out, mean, rstd);
  }

  private void forward(
      Tensor x,
      Tensor branch,
      Dropout dropout,
      int rowsPerSample,
      Tensor gamma,
      Tensor beta,
      Tensor sum,
      Tensor out,
      Tensor mean,
      Tensor rstd) {
    long count = x.rows();
    int width = (int) x.size(-1);
    DType type = Operands.type("x", x);
    MemorySegment in = Operands.matrix("x", x, type, count, width);
    MemorySegment added =
        branch == null ? null : Operands.matrix("branch", branch, type, count, width);
    MemorySegment scale = Operands.vector("gamma", gamma, type, width);
    MemorySegment shift = Operands.vector("beta", beta, type, width);
    MemorySegment total =
        sum == null ? null : Operands.matrix("residualOut", sum, type, count, width);
    MemorySegment y = Operands.matrix("out", out, type, count, width);
    MemorySegment means = Operands.floats("mean", mean, count);
    MemorySegment rstds = Operands.floats("rstd", rstd, count);
    begin(dropout, width);
    if (type == DType.BF16) {
      HalfNormRow.widenWeights(scratch, width, scale, shift);
      pool.run(
          forwardTasks(count),
          (task, worker) -> {
            HalfNormRow half = halves[worker];
            long end = Math.min(count, (task + 1L) * FORWARD_ROWS);
            for (long row = (long) task * FORWARD_ROWS; row < end; row++) {
              half.load(in, added, total, row, element(row, rowsPerSample, width));
              half.normalize(y, means, rstds, row);
            }
          });
      return;
    }
    pool.run(
        forwardTasks(count),
        (task, worker) -> {
          long end = Math.min(count, (task + 1L) * FORWARD_ROWS);
          for (long row = (long) task * FORWARD_ROWS; row < end; row++) {
            long at = row * width * Float.BYTES;
            if (added == null) {
              rows[worker].load(in, at);
            } else {
              rows[worker].loadSum(in, added, total, at, element(row, rowsPerSample, width));
            }
            rows[worker].normalize(scale, shift, y, at, means, rstds, row * Float.BYTES);
          }
        });
  }

  private static int forwardTasks(long count) {
    return Math.toIntExact((count + FORWARD_ROWS - 1) / FORWARD_ROWS);
  }

  void residualLayerNormBackward(
      Tensor dOut,
      Tensor x,
      Tensor gamma,
      Tensor mean,
      Tensor rstd,
      Tensor dResidualOutOrNull,
      Dropout dropout,
      int rowsPerSample,
      Tensor dResidual,
      Tensor dBranchOrNull,
      Tensor dGamma,
      Tensor dBeta,
      boolean accumulate,
      Tensor workspace) {
    long count = x.rows();
    int width = (int) x.size(-1);
    DType type = Operands.type("x", x);
    MemorySegment dy = Operands.matrix("dOut", dOut, type, count, width);
    MemorySegment in = Operands.matrix("x", x, type, count, width);
    MemorySegment scale = Operands.vector("gamma", gamma, type, width);
    MemorySegment means = Operands.floats("mean", mean, count);
    MemorySegment rstds = Operands.floats("rstd", rstd, count);
    MemorySegment later =
        dResidualOutOrNull == null
            ? null
            : Operands.matrix("dResidualOut", dResidualOutOrNull, type, count, width);
    MemorySegment dx = Operands.matrix("dResidual", dResidual, type, count, width);
    MemorySegment dBranch =
        dBranchOrNull == null
            ? null
            : Operands.matrix("dBranch", dBranchOrNull, type, count, width);
    MemorySegment dScale = Operands.floats("dGamma", dGamma, width);
    MemorySegment dShift = Operands.floats("dBeta", dBeta, width);
    Operands.require(
        workspace.byteSize() >= layerNormBackwardWorkspace(count, width), "workspace", workspace);
    MemorySegment partials = Operands.memory("workspace", workspace);
    long blockRows = blockRows(count);
    int blocks = blocks(count);
    begin(dropout, width);
    if (type == DType.BF16) {
      HalfNormRow.widenWeights(scratch, width, scale, null);
    }
    pool.run(
        blocks,
        (task, worker) -> {
          NormRow state = rows[worker];
          state.clearGradients();
          long end = Math.min(count, (task + 1) * blockRows);
          for (long row = task * blockRows; row < end; row++) {
            if (type == DType.BF16) {
              long element = element(row, rowsPerSample, width);
              halves[worker].backward(dy, in, later, means, rstds, dx, dBranch, row, element);
              continue;
            }
            long at = row * width * Float.BYTES;
            state.gradients(dy, in, scale, means, rstds, at, row * Float.BYTES);
            state.inputGradient(later, dx, at);
            if (dBranch != null) {
              state.branchGradient(dx, dBranch, at, element(row, rowsPerSample, width));
            }
          }
          state.storeGradients(partials, 2L * task * width * Float.BYTES);
        });
    NormRow.combine(partials, 0, 2L * width, blocks, dScale, width, accumulate);
    NormRow.combine(partials, width, 2L * width, blocks, dShift, width, accumulate);
  }

  long layerNormBackwardWorkspace(long rowCount, int width) {
    return 2L * Float.BYTES * width * blocks(rowCount);
  }

  /** Rows behind one partial sum: a function of the shape alone, so that sums do not change. */
  private static long blockRows(long count) {
    return Math.max(BACKWARD_ROWS, (count + MOST_PARTIALS - 1) / MOST_PARTIALS);
  }

  private static int blocks(long count) {
    return (int) ((count + blockRows(count) - 1) / blockRows(count));
  }

  private void begin(Dropout dropout, int width) {
    DropoutMask.begin(masks, dropout, control);
    for (NormRow row : rows) {
      row.begin(width);
    }
  }

  /** Linear index of a row's first element in the global batch. */
  private long element(long row, int rowsPerSample, int width) {
    return ((long) control.firstSample() * rowsPerSample + row) * width;
  }
}
