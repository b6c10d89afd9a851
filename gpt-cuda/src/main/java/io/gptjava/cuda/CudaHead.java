package io.gptjava.cuda;

import static io.gptjava.cuda.blas.Epilogue.NONE;

import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.blas.Blas;
import io.gptjava.cuda.blas.Matmul;
import io.gptjava.cuda.device.CudaDevice;

/**
 * Output head and cross-entropy over chunks of rows. The logits of a chunk live in the workspace in
 * the model's dtype, turn into their gradients in place, and are gone when the next chunk begins.
 * Products run over the padded vocabulary, whose gradients are 0: whole tiles are faster than a
 * ragged edge.
 */
final class CudaHead {
  /** Rows of logits begin on 16 bytes, the widest access of a thread. */
  private static final int ROW_ALIGNMENT = 16;

  private final Blas blas;
  private final CudaClassifier classifier;

  CudaHead(CudaDevice device, CudaStepControl control, Blas blas) {
    this.blas = blas;
    classifier = new CudaClassifier(device, control);
  }

  void headCrossEntropy(
      Tensor x,
      Tensor weight,
      Tensor targets,
      int vocabulary,
      Tensor losses,
      Tensor dXOrNull,
      Tensor dWeightOrNull,
      boolean accumulate,
      Tensor workspace) {
    int rows = Math.toIntExact(x.rows());
    int padded = Math.toIntExact(weight.size(0));
    int width = Math.toIntExact(weight.size(1));
    DType type = CudaOperands.floatType("x", x, rows, width);
    CudaOperands.matrix("weight", weight, type, padded, width);
    CudaOperands.i32("targets", targets, rows);
    CudaOperands.f32("losses", losses, rows);
    if (vocabulary < 1 || vocabulary > padded) {
      throw new IllegalArgumentException(
          "vocabulary " + vocabulary + " outside [1, " + padded + "]");
    }
    if ((dXOrNull == null) != (dWeightOrNull == null)) {
      throw new IllegalArgumentException("dX and dWeight must be given together");
    }
    if (dXOrNull != null) {
      CudaOperands.matrix("dX", dXOrNull, type, rows, width);
      CudaOperands.f32("dWeight", dWeightOrNull, padded, width);
    }
    int stride = stride(padded, type);
    long rowBytes = (long) stride * type.bytes();
    CudaOperands.workspace(workspace, rowBytes);
    long chunk = evenChunk(rows, workspace.byteSize() / rowBytes);
    for (long from = 0; from < rows; from += chunk) {
      long to = Math.min(rows, from + chunk);
      Tensor some = matrix(x).slice(from, to);
      Tensor logits =
          Tensor.of(workspace.memory(), workspace.byteOffset(), type, to - from, stride);
      logits(some, weight, logits);
      Tensor someTargets = targets.reshape(rows).slice(from, to);
      Tensor someLosses = losses.reshape(rows).slice(from, to);
      if (dXOrNull == null) {
        classifier.losses(logits, someTargets, vocabulary, someLosses);
      } else {
        classifier.gradients(logits, someTargets, vocabulary, someLosses);
        Tensor dX = matrix(dXOrNull).slice(from, to);
        gradients(some, weight, logits, dX, dWeightOrNull, accumulate || from > 0);
      }
    }
    classifier.addLosses(losses);
  }

  private static Tensor matrix(Tensor tensor) {
    return tensor.reshape(tensor.rows(), tensor.size(-1));
  }

  /** Logits (rows, V' and a gap up to whole packs) of some rows. */
  private void logits(Tensor x, Tensor weight, Tensor logits) {
    int width = Math.toIntExact(x.size(1));
    blas.multiply(
        Matmul.dense(rows(x), rows(weight), width, false, true, x.dtype(), x.dtype(), NONE)
            .strided(width, width, Math.toIntExact(logits.size(1))),
        x.address(),
        weight.address(),
        logits.address(),
        0,
        0);
  }

  private void gradients(
      Tensor x, Tensor weight, Tensor dLogits, Tensor dX, Tensor dWeight, boolean accumulate) {
    int width = Math.toIntExact(x.size(1));
    int stride = Math.toIntExact(dLogits.size(1));
    DType type = x.dtype();
    blas.multiply(
        Matmul.dense(rows(x), width, rows(weight), false, false, type, type, NONE)
            .strided(stride, width, width),
        dLogits.address(),
        weight.address(),
        dX.address(),
        0,
        0);
    blas.multiply(
        Matmul.dense(rows(weight), width, rows(x), true, false, type, DType.F32, NONE)
            .strided(stride, width, width)
            .accumulating(accumulate),
        dLogits.address(),
        x.address(),
        dWeight.address(),
        0,
        0);
  }

  private static int rows(Tensor matrix) {
    return Math.toIntExact(matrix.size(0));
  }

  /** Sized for F32 logits: 16-bit ones fit twice as many rows. */
  long headCrossEntropyWorkspace(long rows, int width, int paddedVocabulary, long budget) {
    long rowBytes = (long) stride(paddedVocabulary, DType.F32) * Float.BYTES;
    return evenChunk(rows, budget / rowBytes) * rowBytes;
  }

  /** Rows a chunk, at least 1, so that the fewest chunks that can do are about equal. */
  private static long evenChunk(long rows, long fitting) {
    long most = Math.clamp(fitting, 1, Math.max(1, rows));
    long chunks = (rows + most - 1) / most;
    return (rows + chunks - 1) / chunks;
  }

  private static int stride(int columns, DType type) {
    int multiple = ROW_ALIGNMENT / type.bytes();
    return (columns + multiple - 1) / multiple * multiple;
  }

  void headLogits(Tensor x, Tensor weight, Tensor logits) {
    int rows = Math.toIntExact(x.rows());
    int width = Math.toIntExact(weight.size(1));
    int columns = Math.toIntExact(logits.size(-1));
    DType type = CudaOperands.floatType("x", x, rows, width);
    CudaOperands.f32("logits", logits, rows, columns);
    if (weight.dtype() != type || columns > weight.size(0)) {
      throw new IllegalArgumentException(columns + " logits from " + weight);
    }
    blas.multiply(
        Matmul.dense(rows, columns, width, false, true, type, DType.F32, NONE),
        x.address(),
        weight.address(),
        logits.address(),
        0,
        0);
  }
}
