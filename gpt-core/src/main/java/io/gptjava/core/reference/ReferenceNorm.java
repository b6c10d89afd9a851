package io.gptjava.core.reference;

import io.gptjava.core.Dropout;
import io.gptjava.core.GptConfig;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Tensor;

/** Layer normalisation and the residual link before it. */
final class ReferenceNorm {
  private final HostStepControl control;

  ReferenceNorm(HostStepControl control) {
    this.control = control;
  }

  void layerNorm(Tensor x, Tensor gamma, Tensor beta, Tensor out, Tensor mean, Tensor rstd) {
    long rows = x.rows();
    int width = (int) x.size(-1);
    Elements in = Elements.floats("x", x, rows, width);
    Elements scale = Elements.floats("gamma", gamma, width);
    Elements shift = Elements.floats("beta", beta, width);
    Elements y = Elements.floats("out", out, rows, width);
    Elements means = Elements.floats("mean", mean, rows);
    Elements rstds = Elements.floats("rstd", rstd, rows);
    for (long row = 0; row < rows; row++) {
      long at = row * width;
      double sum = 0;
      for (int c = 0; c < width; c++) {
        sum += in.get(at + c);
      }
      double average = sum / width;
      double squares = 0;
      for (int c = 0; c < width; c++) {
        double centred = in.get(at + c) - average;
        squares += centred * centred;
      }
      double inverse = 1 / Math.sqrt(squares / width + GptConfig.LAYER_NORM_EPSILON);
      for (int c = 0; c < width; c++) {
        double normalised = (in.get(at + c) - average) * inverse;
        y.set(at + c, normalised * scale.get(c) + shift.get(c));
      }
      means.set(row, average);
      rstds.set(row, inverse);
    }
  }

  void addBranch(
      Tensor residual, Tensor branch, Dropout dropout, int rowsPerSample, Tensor residualOut) {
    long rows = residual.rows();
    long width = residual.size(-1);
    Elements before = Elements.floats("residual", residual, rows, width);
    Elements added = Elements.floats("branch", branch, rows, width);
    Elements after = Elements.floats("residualOut", residualOut, rows, width);
    Mask mask = new Mask(dropout, control);
    for (long row = 0; row < rows; row++) {
      for (long c = 0; c < width; c++) {
        long at = row * width + c;
        after.set(at, before.get(at) + added.get(at) * mask.row(row, rowsPerSample, c, width));
      }
    }
  }

  void backward(
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
      boolean accumulate) {
    long rows = x.rows();
    int width = (int) x.size(-1);
    Elements dY = Elements.floats("dOut", dOut, rows, width);
    Elements in = Elements.floats("x", x, rows, width);
    Elements scale = Elements.floats("gamma", gamma, width);
    Elements means = Elements.floats("mean", mean, rows);
    Elements rstds = Elements.floats("rstd", rstd, rows);
    Elements later =
        dResidualOutOrNull == null
            ? null
            : Elements.floats("dResidualOut", dResidualOutOrNull, rows, width);
    Elements dIn = Elements.floats("dResidual", dResidual, rows, width);
    Elements dAdded =
        dBranchOrNull == null ? null : Elements.floats("dBranch", dBranchOrNull, rows, width);
    Elements dScale = Elements.floats("dGamma", dGamma, width);
    Elements dShift = Elements.floats("dBeta", dBeta, width);
    Mask mask = new Mask(dropout, control);
    double[] scaleSums = new double[width];
    double[] shiftSums = new double[width];
    for (long row = 0; row < rows; row++) {
      long at = row * width;
      double average = means.get(row);
      double inverse = rstds.get(row);
      double sum = 0; // Σ gamma ⊙ dOut
      double product = 0; // Σ gamma ⊙ dOut ⊙ normalised
      for (int c = 0; c < width; c++) {
        double normalised = (in.get(at + c) - average) * inverse;
        double dNormalised = dY.get(at + c) * scale.get(c);
        sum += dNormalised;
        product += dNormalised * normalised;
        scaleSums[c] += dY.get(at + c) * normalised;
        shiftSums[c] += dY.get(at + c);
      }
      for (int c = 0; c < width; c++) {
        double normalised = (in.get(at + c) - average) * inverse;
        double dNormalised = dY.get(at + c) * scale.get(c);
        double g = inverse * (dNormalised - sum / width - normalised * product / width);
        double total = g + (later == null ? 0 : later.get(at + c));
        if (dAdded != null) {
          dAdded.set(at + c, total * mask.row(row, rowsPerSample, c, width));
        }
        dIn.set(at + c, total);
      }
    }
    for (int c = 0; c < width; c++) {
      dScale.put(c, scaleSums[c], accumulate);
      dShift.put(c, shiftSums[c], accumulate);
    }
  }
}
