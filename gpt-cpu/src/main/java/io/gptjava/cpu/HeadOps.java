package io.gptjava.cpu;

import io.gptjava.core.DType;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Output head and cross-entropy over row chunks. Logits are fp32 in every precision; their
 * gradients take their place, in bf16 each row of them at the beginning of its logits' row.
 */
final class HeadOps {
  /** Rows of logits begin on cache lines: their stride is a multiple of this many floats. */
  private static final int ROW_FLOATS = 16;

  private final WorkerPool pool;
  private final HostStepControl control;
  private final MatrixProduct gemm;
  private final CrossEntropyRow row = new CrossEntropyRow();
  private final RowDots rowDots;
  private final WorkerPool.Task losing = this::loseRow;

  // The chunk being worked on.
  private DType type;
  private MemorySegment logits;
  private long stride;
  private MemorySegment targets;
  private MemorySegment losses;
  private long firstRow;
  private int vocabulary;
  private boolean gradients;
  private float scale;

  HeadOps(WorkerPool pool, HostStepControl control, RowScratch scratch, MatrixProduct gemm) {
    this.pool = pool;
    this.control = control;
    this.gemm = gemm;
    rowDots = new RowDots(pool, scratch);
  }

  void headCrossEntropy(
      Tensor x,
      Tensor weight,
      Tensor targetsTensor,
      int vocabularySize,
      Tensor lossesTensor,
      Tensor dXOrNull,
      Tensor dWeightOrNull,
      boolean accumulate,
      Tensor workspace) {
    int rows = Math.toIntExact(x.rows());
    int padded = Math.toIntExact(weight.size(0));
    int width = Math.toIntExact(weight.size(1));
    type = Operands.type("x", x);
    LinearOps.check(x, type, rows, width);
    LinearOps.check(weight, type, padded, width);
    if (targetsTensor.dtype() != DType.I32 || targetsTensor.count() != rows) {
      throw new IllegalArgumentException("expected I32[" + rows + "], got " + targetsTensor);
    }
    if (lossesTensor.dtype() != DType.F32 || lossesTensor.count() != rows) {
      throw new IllegalArgumentException("expected F32[" + rows + "], got " + lossesTensor);
    }
    if (vocabularySize < 1 || vocabularySize > padded) {
      throw new IllegalArgumentException(
          "vocabulary " + vocabularySize + " outside [1, " + padded + "]");
    }
    if ((dXOrNull == null) != (dWeightOrNull == null)) {
      throw new IllegalArgumentException("dX and dWeight must be given together");
    }
    gradients = dXOrNull != null;
    if (gradients) {
      LinearOps.check(dXOrNull, type, rows, width);
      LinearOps.check(dWeightOrNull, DType.F32, padded, width);
    }
    stride = stride(padded);
    long fitting = workspace.byteSize() / (stride * Float.BYTES);
    if (fitting < 1) {
      throw new IllegalArgumentException("workspace of " + workspace.byteSize() + " bytes");
    }
    int chunk = (int) Math.min(rows, fitting);
    vocabulary = vocabularySize;
    scale = control.lossGradientScale();
    logits = Operands.memory("workspace", workspace);
    targets = targetsTensor.segment();
    losses = lossesTensor.segment();
    for (int from = 0; from < rows; from += chunk) {
      chunk(x, weight, from, Math.min(chunk, rows - from), dXOrNull, dWeightOrNull, accumulate);
    }
    if (gradients && padded > vocabulary && !accumulate) {
      long used = (long) vocabulary * width * Float.BYTES;
      dWeightOrNull.segment().asSlice(used).fill((byte) 0);
    }
    double sum = 0;
    for (int i = 0; i < rows; i++) {
      sum += losses.getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }
    control.addLoss(sum);
    logits = null;
    targets = null;
    losses = null;
  }

  private void chunk(
      Tensor x, Tensor weight, int from, int count, Tensor dX, Tensor dWeight, boolean accumulate) {
    int width = Math.toIntExact(weight.size(1));
    long bytes = (long) width * type.bytes();
    MemorySegment rows = x.segment().asSlice(from * bytes, count * bytes);
    gemm.multiply(
        new GemmOperand(rows, type, width, false),
        new GemmOperand(weight.segment(), type, width, true),
        count,
        vocabulary,
        width,
        DType.F32,
        logits,
        stride,
        false,
        GemmEpilogue.STORE,
        null,
        null,
        null);
    firstRow = from;
    pool.run(count, losing);
    if (dX == null) {
      return;
    }
    long leading = stride * Float.BYTES / type.bytes();
    gemm.multiply(
        new GemmOperand(logits, type, leading, false),
        new GemmOperand(weight.segment(), type, width, false),
        count,
        width,
        vocabulary,
        type,
        dX.segment().asSlice(from * bytes, count * bytes),
        width,
        false,
        GemmEpilogue.STORE,
        null,
        null,
        null);
    gemm.multiply(
        new GemmOperand(logits, type, leading, true),
        new GemmOperand(rows, type, width, false),
        vocabulary,
        width,
        count,
        DType.F32,
        dWeight.segment(),
        width,
        accumulate || from > 0,
        GemmEpilogue.STORE,
        null,
        null,
        null);
  }

  private void loseRow(int index, int worker) {
    long n = firstRow + index;
    int target = targets.getAtIndex(ValueLayout.JAVA_INT, n);
    long at = index * stride * Float.BYTES;
    float loss = row.run(logits, at, vocabulary, target, gradients, scale);
    if (gradients && type == DType.BF16) {
      HalfVectors.narrow(logits, at, logits, at, vocabulary);
    }
    losses.setAtIndex(ValueLayout.JAVA_FLOAT, n, loss);
  }

  long headCrossEntropyWorkspace(long rows, int width, int paddedVocabulary, long budget) {
    long rowBytes = stride(paddedVocabulary) * Float.BYTES;
    long most = Math.max(1, Math.min(rows, budget / rowBytes));
    long chunks = (rows + most - 1) / most;
    return Math.max(1, (rows + chunks - 1) / Math.max(1, chunks)) * rowBytes;
  }

  private static long stride(int paddedVocabulary) {
    return (paddedVocabulary + ROW_FLOATS - 1L) / ROW_FLOATS * ROW_FLOATS;
  }

  void headLogits(Tensor x, Tensor weight, Tensor logitsTensor) {
    int rows = Math.toIntExact(x.rows());
    int width = Math.toIntExact(weight.size(1));
    int columns = Math.toIntExact(logitsTensor.size(-1));
    DType from = Operands.type("x", x);
    LinearOps.check(x, from, rows, width);
    LinearOps.check(logitsTensor, DType.F32, rows, columns);
    if (weight.dtype() != from || columns > weight.size(0)) {
      throw new IllegalArgumentException(columns + " logits from " + weight);
    }
    if (rows <= LinearOps.FEW_ROWS) {
      rowDots.multiply(
          from, x.segment(), weight.segment(), rows, columns, width, logitsTensor.segment());
      return;
    }
    gemm.multiply(
        new GemmOperand(x.segment(), from, width, false),
        new GemmOperand(weight.segment(), from, width, true),
        rows,
        columns,
        width,
        DType.F32,
        logitsTensor.segment(),
        columns,
        false,
        GemmEpilogue.STORE,
        null,
        null,
        null);
  }
}
