package io.gptjava.cpu;

import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * Linear layers over the packed matrix product; a few rows, as in generation, go through {@link
 * RowProduct}, which reads the weights once and packs nothing.
 */
final class LinearOps {
  /** Up to so many rows, streaming the weights beats packing them. */
  static final int FEW_ROWS = 4;

  private final MatrixProduct gemm;
  private final RowProduct rowProduct;

  LinearOps(WorkerPool pool, RowScratch scratch, MatrixProduct gemm) {
    this.gemm = gemm;
    rowProduct = new RowProduct(pool, scratch);
  }

  void linear(Tensor x, Tensor weight, Tensor biasOrNull, Tensor out) {
    forward(x, weight, biasOrNull, null, out, GemmEpilogue.BIAS);
  }

  void linearGelu(
      Tensor x, Tensor weight, Tensor biasOrNull, Tensor preActivationOrNull, Tensor out) {
    forward(x, weight, biasOrNull, preActivationOrNull, out, GemmEpilogue.BIAS_GELU);
  }

  private void forward(
      Tensor x,
      Tensor weight,
      Tensor biasOrNull,
      Tensor preActivationOrNull,
      Tensor out,
      GemmEpilogue epilogue) {
    int rows = Math.toIntExact(x.rows());
    int inputs = Math.toIntExact(weight.size(0));
    int outputs = Math.toIntExact(weight.size(1));
    DType type = Operands.type("x", x);
    check(x, type, rows, inputs);
    check(weight, type, inputs, outputs);
    check(out, type, rows, outputs);
    checkBias(biasOrNull, type, outputs);
    if (preActivationOrNull != null) {
      check(preActivationOrNull, type, rows, outputs);
    }
    MemorySegment bias = segment(biasOrNull);
    MemorySegment preActivation = segment(preActivationOrNull);
    if (rows <= FEW_ROWS) {
      rowProduct.multiply(
          type,
          x.segment(),
          weight.segment(),
          rows,
          outputs,
          inputs,
          out.segment(),
          epilogue,
          bias,
          preActivation);
      return;
    }
    gemm.multiply(
        new GemmOperand(x.segment(), type, inputs, false),
        new GemmOperand(weight.segment(), type, outputs, false),
        rows,
        outputs,
        inputs,
        type,
        out.segment(),
        outputs,
        false,
        epilogue,
        bias,
        preActivation,
        null);
  }

  void linearBackwardInput(Tensor dOut, Tensor weight, Tensor preActivationOrNull, Tensor dX) {
    int rows = Math.toIntExact(dOut.rows());
    int inputs = Math.toIntExact(weight.size(0));
    int outputs = Math.toIntExact(weight.size(1));
    DType type = Operands.type("dOut", dOut);
    check(dOut, type, rows, outputs);
    check(weight, type, inputs, outputs);
    check(dX, type, rows, inputs);
    if (preActivationOrNull != null) {
      check(preActivationOrNull, type, rows, inputs);
    }
    gemm.multiply(
        new GemmOperand(dOut.segment(), type, outputs, false),
        new GemmOperand(weight.segment(), type, outputs, true),
        rows,
        inputs,
        outputs,
        type,
        dX.segment(),
        inputs,
        false,
        preActivationOrNull == null ? GemmEpilogue.STORE : GemmEpilogue.GELU_BACKWARD,
        null,
        segment(preActivationOrNull),
        null);
  }

  void linearBackwardWeight(
      Tensor x, Tensor dOut, Tensor dWeight, Tensor dBiasOrNull, boolean accumulate) {
    int rows = Math.toIntExact(x.rows());
    int inputs = Math.toIntExact(dWeight.size(0));
    int outputs = Math.toIntExact(dWeight.size(1));
    DType type = Operands.type("x", x);
    check(x, type, rows, inputs);
    check(dOut, type, rows, outputs);
    check(dWeight, DType.F32, inputs, outputs);
    checkBias(dBiasOrNull, DType.F32, outputs);
    gemm.multiply(
        new GemmOperand(x.segment(), type, inputs, true),
        new GemmOperand(dOut.segment(), type, outputs, false),
        inputs,
        outputs,
        rows,
        DType.F32,
        dWeight.segment(),
        outputs,
        accumulate,
        GemmEpilogue.STORE,
        null,
        null,
        segment(dBiasOrNull));
  }

  private static MemorySegment segment(Tensor tensorOrNull) {
    return tensorOrNull == null ? null : tensorOrNull.segment();
  }

  private static void checkBias(Tensor biasOrNull, DType type, long count) {
    if (biasOrNull != null && (biasOrNull.dtype() != type || biasOrNull.count() != count)) {
      throw new IllegalArgumentException(
          "expected %s[%d], got %s".formatted(type, count, biasOrNull));
    }
  }

  /** Checks dtype and matrix shape; leading dimensions count as rows. */
  static void check(Tensor tensor, DType type, long rows, long columns) {
    if (tensor.dtype() != type
        || tensor.rank() < 1
        || tensor.size(-1) != columns
        || tensor.count() != rows * columns) {
      throw new IllegalArgumentException(
          "expected %s[%d, %d], got %s".formatted(type, rows, columns, tensor));
    }
  }
}
