package io.gptjava.core.reference;

import io.gptjava.core.HostStepControl;
import io.gptjava.core.Ops;
import io.gptjava.core.Tensor;
import java.util.Arrays;

/** Softmax, the output head and its cross-entropy, one row at a time. */
final class ReferenceHead {
  private final HostStepControl control;

  ReferenceHead(HostStepControl control) {
    this.control = control;
  }

  void crossEntropy(
      Tensor x,
      Tensor weight,
      Tensor targets,
      int vocabulary,
      Tensor losses,
      Tensor dXOrNull,
      Tensor dWeightOrNull,
      boolean accumulate) {
    if ((dXOrNull == null) != (dWeightOrNull == null)) {
      throw new IllegalArgumentException("dX and dWeight must both be null or both not");
    }
    boolean backward = dXOrNull != null;
    int rows = (int) x.rows();
    int width = (int) x.size(-1);
    int padded = (int) weight.rows();
    if (vocabulary < 1 || vocabulary > padded) {
      throw new IllegalArgumentException("vocabulary %d of %d rows".formatted(vocabulary, padded));
    }
    double[] in = Elements.floats("x", x, rows, width).toArray();
    double[] w = Elements.floats("weight", weight, padded, width).toArray();
    Elements ids = Elements.ints("targets", targets, rows);
    Elements loss = Elements.floats("losses", losses, rows);
    Elements dIn = backward ? Elements.floats("dX", dXOrNull, rows, width) : null;
    Elements dW = backward ? Elements.floats("dWeight", dWeightOrNull, padded, width) : null;
    double[] logits = new double[vocabulary];
    double[] dInRow = new double[width];
    double[] dWeight = new double[backward ? vocabulary * width : 0];
    double total = 0;
    for (int row = 0; row < rows; row++) {
      int target = ids.getInt(row);
      if (target == Ops.IGNORED_TARGET) {
        loss.set(row, 0);
        for (int c = 0; backward && c < width; c++) {
          dIn.set(row * width + c, 0);
        }
        continue;
      }
      if (target < 0 || target >= vocabulary) {
        throw new IllegalArgumentException("target %d of %d".formatted(target, vocabulary));
      }
      for (int v = 0; v < vocabulary; v++) {
        logits[v] = dot(in, row * width, w, v * width, width);
      }
      double log = logSumExp(logits);
      double rowLoss = log - logits[target];
      loss.set(row, rowLoss);
      total += rowLoss;
      if (backward) {
        Arrays.fill(dInRow, 0);
        for (int v = 0; v < vocabulary; v++) {
          double dLogit = Math.exp(logits[v] - log) - (v == target ? 1 : 0);
          dLogit *= control.lossGradientScale();
          for (int c = 0; c < width; c++) {
            dInRow[c] += dLogit * w[v * width + c];
            dWeight[v * width + c] += dLogit * in[row * width + c];
          }
        }
        for (int c = 0; c < width; c++) {
          dIn.set(row * width + c, dInRow[c]);
        }
      }
    }
    for (int i = 0; backward && i < padded * width; i++) {
      dW.put(i, i < dWeight.length ? dWeight[i] : 0, accumulate);
    }
    control.addLoss(total);
  }

  private static double dot(double[] a, int atA, double[] b, int atB, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += a[atA + i] * b[atB + i];
    }
    return sum;
  }

  private static double logSumExp(double[] values) {
    double max = Double.NEGATIVE_INFINITY;
    for (double value : values) {
      max = Math.max(max, value);
    }
    double sum = 0;
    for (double value : values) {
      sum += Math.exp(value - max);
    }
    return max + Math.log(sum);
  }

  void logits(Tensor x, Tensor weight, Tensor logits) {
    int rows = (int) x.rows();
    int width = (int) x.size(-1);
    int vocabulary = (int) logits.size(-1);
    if (vocabulary > weight.rows()) {
      throw new IllegalArgumentException("%s from weight %s".formatted(logits, weight));
    }
    double[] in = Elements.floats("x", x, rows, width).toArray();
    double[] w = Elements.floats("weight", weight, weight.rows(), width).toArray();
    Elements y = Elements.floats("logits", logits, rows, vocabulary);
    for (int row = 0; row < rows; row++) {
      for (int v = 0; v < vocabulary; v++) {
        y.set(row * vocabulary + v, dot(in, row * width, w, v * width, width));
      }
    }
  }

  void softmax(Tensor x, Tensor out) {
    int rows = (int) x.rows();
    int columns = (int) x.size(-1);
    Elements in = Elements.floats("x", x, rows, columns);
    Elements y = Elements.floats("out", out, rows, columns);
    double[] row = new double[columns];
    for (int at = 0; at < rows * columns; at += columns) {
      for (int c = 0; c < columns; c++) {
        row[c] = in.get(at + c);
      }
      double log = logSumExp(row);
      for (int c = 0; c < columns; c++) {
        y.set(at + c, Math.exp(row[c] - log));
      }
    }
  }

  void softmaxBackward(Tensor out, Tensor dOut, Tensor dX) {
    int rows = (int) out.rows();
    int columns = (int) out.size(-1);
    double[] y = Elements.floats("out", out, rows, columns).toArray();
    double[] dY = Elements.floats("dOut", dOut, rows, columns).toArray();
    Elements dIn = Elements.floats("dX", dX, rows, columns);
    for (int at = 0; at < rows * columns; at += columns) {
      double sum = dot(y, at, dY, at, columns);
      for (int c = 0; c < columns; c++) {
        dIn.set(at + c, y[at + c] * (dY[at + c] - sum));
      }
    }
  }
}
