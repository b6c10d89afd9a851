package io.gptjava.core.reference;

import io.gptjava.core.Tensor;
import java.util.Arrays;

/** Linear layers and GELU. Row sums are kept in float64 for a whole row of outputs at a time. */
final class ReferenceLinear {
  private static final double ROOT_TWO_OVER_PI = Math.sqrt(2 / Math.PI);
  private static final double CUBIC = 0.044715;

  /** GELU, tanh form. */
  static double gelu(double x) {
    return 0.5 * x * (1 + Math.tanh(ROOT_TWO_OVER_PI * (x + CUBIC * x * x * x)));
  }

  /** Derivative of {@link #gelu}. */
  static double geluDerivative(double x) {
    double tanh = Math.tanh(ROOT_TWO_OVER_PI * (x + CUBIC * x * x * x));
    double inner = ROOT_TWO_OVER_PI * (1 + 3 * CUBIC * x * x);
    return 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh * tanh) * inner;
  }

  /** Shared by plain and GELU layers: stores the sum, or the sum and its GELU. */
  void forward(
      Tensor x,
      Tensor weight,
      Tensor biasOrNull,
      Tensor preActivationOrNull,
      Tensor out,
      boolean gelu) {
    int rows = (int) x.rows();
    int inputs = (int) x.size(-1);
    int outputs = (int) weight.size(-1);
    double[] in = Elements.floats("x", x, rows, inputs).toArray();
    double[] w = Elements.floats("weight", weight, inputs, outputs).toArray();
    Elements bias = biasOrNull == null ? null : Elements.floats("bias", biasOrNull, outputs);
    Elements pre =
        preActivationOrNull == null
            ? null
            : Elements.floats("preActivation", preActivationOrNull, rows, outputs);
    Elements y = Elements.floats("out", out, rows, outputs);
    double[] sums = new double[outputs];
    for (int row = 0; row < rows; row++) {
      for (int m = 0; m < outputs; m++) {
        sums[m] = bias == null ? 0 : bias.get(m);
      }
      for (int k = 0; k < inputs; k++) {
        double value = in[row * inputs + k];
        for (int m = 0; m < outputs; m++) {
          sums[m] += value * w[k * outputs + m];
        }
      }
      for (int m = 0; m < outputs; m++) {
        if (pre != null) {
          pre.set(row * outputs + m, sums[m]);
        }
        y.set(row * outputs + m, gelu ? gelu(sums[m]) : sums[m]);
      }
    }
  }

  void backwardInput(Tensor dOut, Tensor weight, Tensor preActivationOrNull, Tensor dX) {
    int rows = (int) dOut.rows();
    int outputs = (int) dOut.size(-1);
    int inputs = (int) dX.size(-1);
    double[] dY = Elements.floats("dOut", dOut, rows, outputs).toArray();
    double[] w = Elements.floats("weight", weight, inputs, outputs).toArray();
    Elements pre =
        preActivationOrNull == null
            ? null
            : Elements.floats("preActivation", preActivationOrNull, rows, inputs);
    Elements dIn = Elements.floats("dX", dX, rows, inputs);
    for (int row = 0; row < rows; row++) {
      for (int k = 0; k < inputs; k++) {
        double sum = 0;
        for (int m = 0; m < outputs; m++) {
          sum += dY[row * outputs + m] * w[k * outputs + m];
        }
        int at = row * inputs + k;
        dIn.set(at, pre == null ? sum : sum * geluDerivative(pre.get(at)));
      }
    }
  }

  void backwardWeight(
      Tensor x, Tensor dOut, Tensor dWeight, Tensor dBiasOrNull, boolean accumulate) {
    int rows = (int) x.rows();
    int inputs = (int) x.size(-1);
    int outputs = (int) dOut.size(-1);
    double[] in = Elements.floats("x", x, rows, inputs).toArray();
    double[] dY = Elements.floats("dOut", dOut, rows, outputs).toArray();
    Elements dW = Elements.floats("dWeight", dWeight, inputs, outputs);
    double[] sums = new double[outputs];
    for (int k = 0; k < inputs; k++) {
      Arrays.fill(sums, 0);
      for (int row = 0; row < rows; row++) {
        double value = in[row * inputs + k];
        for (int m = 0; m < outputs; m++) {
          sums[m] += value * dY[row * outputs + m];
        }
      }
      for (int m = 0; m < outputs; m++) {
        dW.put(k * outputs + m, sums[m], accumulate);
      }
    }
    if (dBiasOrNull != null) {
      Elements dB = Elements.floats("dBias", dBiasOrNull, outputs);
      for (int m = 0; m < outputs; m++) {
        double sum = 0;
        for (int row = 0; row < rows; row++) {
          sum += dY[row * outputs + m];
        }
        dB.put(m, sum, accumulate);
      }
    }
  }

  void gelu(Tensor x, Tensor out) {
    Elements in = Elements.floats("x", x, x.count());
    Elements y = Elements.floats("out", out, x.count());
    for (long i = 0; i < x.count(); i++) {
      y.set(i, gelu(in.get(i)));
    }
  }

  void geluBackward(Tensor x, Tensor dOut, Tensor dX) {
    Elements in = Elements.floats("x", x, x.count());
    Elements dY = Elements.floats("dOut", dOut, x.count());
    Elements dIn = Elements.floats("dX", dX, x.count());
    for (long i = 0; i < x.count(); i++) {
      dIn.set(i, dY.get(i) * geluDerivative(in.get(i)));
    }
  }
}
