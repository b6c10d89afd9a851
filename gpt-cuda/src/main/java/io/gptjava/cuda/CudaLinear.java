package io.gptjava.cuda;

import static io.gptjava.cuda.blas.Epilogue.BIAS;
import static io.gptjava.cuda.blas.Epilogue.BIAS_GRADIENT;
import static io.gptjava.cuda.blas.Epilogue.DGELU;
import static io.gptjava.cuda.blas.Epilogue.NONE;

import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.blas.Blas;
import io.gptjava.cuda.blas.Epilogue;
import io.gptjava.cuda.blas.Matmul;

/** Linear layers: each op one matrix product with its epilogue. Gradients of weights are F32. */
final class CudaLinear {
  private final Blas blas;

  CudaLinear(Blas blas) {
    this.blas = blas;
  }

  void linear(Tensor x, Tensor weight, Tensor biasOrNull, Tensor out) {
    forward(x, weight, biasOrNull, null, out, biasOrNull == null ? NONE : BIAS);
  }

  void linearGelu(
      Tensor x, Tensor weight, Tensor biasOrNull, Tensor preActivationOrNull, Tensor out) {
    Epilogue epilogue = Epilogue.gelu(biasOrNull != null, preActivationOrNull != null);
    forward(x, weight, biasOrNull, preActivationOrNull, out, epilogue);
  }

  private void forward(
      Tensor x,
      Tensor weight,
      Tensor biasOrNull,
      Tensor preActivationOrNull,
      Tensor out,
      Epilogue epilogue) {
    int rows = Math.toIntExact(x.rows());
    int inputs = Math.toIntExact(weight.size(0));
    int outputs = Math.toIntExact(weight.size(1));
    DType type = CudaOperands.floatType("x", x, rows, inputs);
    CudaOperands.matrix("weight", weight, type, inputs, outputs);
    CudaOperands.vectorOrNull("bias", biasOrNull, type, outputs);
    CudaOperands.matrixOrNull("preActivation", preActivationOrNull, type, rows, outputs);
    CudaOperands.matrix("out", out, type, rows, outputs);
    blas.multiply(
        Matmul.dense(rows, outputs, inputs, false, false, type, type, epilogue),
        x.address(),
        weight.address(),
        out.address(),
        address(biasOrNull),
        address(preActivationOrNull));
  }

  void linearBackwardInput(Tensor dOut, Tensor weight, Tensor preActivationOrNull, Tensor dX) {
    int rows = Math.toIntExact(dOut.rows());
    int inputs = Math.toIntExact(weight.size(0));
    int outputs = Math.toIntExact(weight.size(1));
    DType type = CudaOperands.floatType("dOut", dOut, rows, outputs);
    CudaOperands.matrix("weight", weight, type, inputs, outputs);
    CudaOperands.matrixOrNull("preActivation", preActivationOrNull, type, rows, inputs);
    CudaOperands.matrix("dX", dX, type, rows, inputs);
    Epilogue epilogue = preActivationOrNull == null ? NONE : DGELU;
    blas.multiply(
        Matmul.dense(rows, inputs, outputs, false, true, type, type, epilogue),
        dOut.address(),
        weight.address(),
        dX.address(),
        0,
        address(preActivationOrNull));
  }

  void linearBackwardWeight(
      Tensor x, Tensor dOut, Tensor dWeight, Tensor dBiasOrNull, boolean accumulate) {
    int rows = Math.toIntExact(x.rows());
    int inputs = Math.toIntExact(dWeight.size(0));
    int outputs = Math.toIntExact(dWeight.size(1));
    DType type = CudaOperands.floatType("x", x, rows, inputs);
    CudaOperands.matrix("dOut", dOut, type, rows, outputs);
    CudaOperands.f32("dWeight", dWeight, inputs, outputs);
    CudaOperands.vectorOrNull("dBias", dBiasOrNull, DType.F32, outputs);
    Epilogue epilogue = dBiasOrNull == null ? NONE : BIAS_GRADIENT;
    blas.multiply(
        Matmul.dense(inputs, outputs, rows, true, false, type, DType.F32, epilogue)
            .accumulating(accumulate),
        x.address(),
        dOut.address(),
        dWeight.address(),
        address(dBiasOrNull),
        0);
  }

  private static long address(Tensor tensorOrNull) {
    return tensorOrNull == null ? 0 : tensorOrNull.address();
  }
}
