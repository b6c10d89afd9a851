package io.gptjava.core.reference;

import io.gptjava.core.Dropout;
import io.gptjava.core.Ops;
import io.gptjava.core.Philox;
import io.gptjava.core.StepInputs;
import java.util.Arrays;

/**
 * The ops once more, on {@code double[]} and straight from their definitions, sharing no code with
 * the reference backend: what its results, and by central differences its gradients, are checked
 * against.
 */
final class Formulas {
  private Formulas() {}

  /** (rows, C) embeddings times dropout factors. */
  static double[] embedding(
      int[] tokens, int t, int c, double[] wte, double[] wpe, int firstPosition, double[] mask) {
    double[] out = new double[tokens.length * c];
    for (int i = 0; i < out.length; i++) {
      int row = i / c;
      out[i] =
          mask[i] * (wte[tokens[row] * c + i % c] + wpe[(firstPosition + row % t) * c + i % c]);
    }
    return out;
  }

  /** (rows, C) sum of the residual and the masked branch. */
  static double[] residual(double[] residual, double[] branch, double[] mask) {
    double[] out = new double[residual.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = residual[i] + mask[i] * branch[i];
    }
    return out;
  }

  /** (rows, C) normalised by E[x²] − E[x]², which float64 can afford. */
  static double[] layerNorm(double[] x, double[] gamma, double[] beta) {
    int c = gamma.length;
    double[] out = new double[x.length];
    for (int row = 0; row < x.length / c; row++) {
      double sum = 0;
      double squares = 0;
      for (int i = row * c; i < (row + 1) * c; i++) {
        sum += x[i];
        squares += x[i] * x[i];
      }
      double mean = sum / c;
      double deviation = Math.sqrt(squares / c - mean * mean + 1e-5f);
      for (int i = 0; i < c; i++) {
        out[row * c + i] = (x[row * c + i] - mean) / deviation * gamma[i] + beta[i];
      }
    }
    return out;
  }

  /** (N, M) from x (N, K), weight (K, M), bias (M). */
  static double[] linear(double[] x, double[] weight, double[] bias, int k) {
    int m = bias.length;
    double[] out = new double[x.length / k * m];
    for (int i = 0; i < out.length; i++) {
      double sum = bias[i % m];
      for (int j = 0; j < k; j++) {
        sum += x[i / m * k + j] * weight[j * m + i % m];
      }
      out[i] = sum;
    }
    return out;
  }

  /** GELU by its other form, x · sigmoid(2u). */
  static double gelu(double x) {
    double u = Math.sqrt(2 / Math.PI) * (x + 0.044715 * Math.pow(x, 3));
    return x / (1 + Math.exp(-2 * u));
  }

  /** {@link #gelu(double)} of each element. */
  static double[] gelu(double[] x) {
    return Arrays.stream(x).map(Formulas::gelu).toArray();
  }

  /** Softmax of each row. */
  static double[] softmax(double[] x, int m) {
    double[] out = new double[x.length];
    for (int row = 0; row < x.length / m; row++) {
      double sum = 0;
      for (int i = row * m; i < (row + 1) * m; i++) {
        sum += Math.exp(x[i]);
      }
      for (int i = row * m; i < (row + 1) * m; i++) {
        out[i] = Math.exp(x[i]) / sum;
      }
    }
    return out;
  }

  /** Sizes of an attention. */
  record Heads(int b, int t, int heads, int size) {
    int c() {
      return heads * size;
    }
  }

  /** exp of a score; a key that the query does not see counts nothing. */
  private static double exponential(
      double[] qkv, int[] first, Heads z, int b, int h, int i, int j) {
    if (j > i || first != null && j < first[b * z.t + i]) {
      return 0;
    }
    double dot = 0;
    for (int d = 0; d < z.size; d++) {
      int column = h * z.size + d;
      dot +=
          qkv[(b * z.t + i) * 3 * z.c() + column] * qkv[(b * z.t + j) * 3 * z.c() + z.c() + column];
    }
    return Math.exp(dot / Math.sqrt(z.size));
  }

  /** log Σ exp of each (B, NH, T) row's scores. */
  static double[] logSumExp(double[] qkv, int[] first, Heads z) {
    double[] out = new double[z.b * z.heads * z.t];
    for (int row = 0; row < out.length; row++) {
      double sum = 0;
      for (int j = 0; j < z.t; j++) {
        sum += exponential(qkv, first, z, row / z.t / z.heads, row / z.t % z.heads, row % z.t, j);
      }
      out[row] = Math.log(sum);
    }
    return out;
  }

  /**
   * (B, T, C) attention.
   *
   * @param mask (B, NH, T, T) dropout factors
   */
  static double[] attention(double[] qkv, int[] first, Heads z, double[] mask) {
    double[] out = new double[z.b * z.t * z.c()];
    double[] log = logSumExp(qkv, first, z);
    for (int row = 0; row < log.length; row++) {
      int b = row / z.t / z.heads;
      int h = row / z.t % z.heads;
      int i = row % z.t;
      for (int j = 0; j <= i; j++) {
        double weight =
            exponential(qkv, first, z, b, h, i, j) / Math.exp(log[row]) * mask[row * z.t + j];
        for (int d = 0; d < z.size; d++) {
          int column = h * z.size + d;
          out[(b * z.t + i) * z.c() + column] +=
              weight * qkv[(b * z.t + j) * 3 * z.c() + 2 * z.c() + column];
        }
      }
    }
    return out;
  }

  /** (N) losses of logits x · weightᵀ over the first V rows of the weight. */
  static double[] losses(double[] x, double[] weight, int[] targets, int c, int v) {
    double[] out = new double[targets.length];
    for (int row = 0; row < out.length; row++) {
      double[] logits = new double[v];
      for (int i = 0; i < v * c; i++) {
        logits[i / c] += x[row * c + i % c] * weight[i];
      }
      if (targets[row] != Ops.IGNORED_TARGET) {
        out[row] = -Math.log(softmax(logits, v)[targets[row]]);
      }
    }
    return out;
  }

  /** Dropout factors of (rows, C) activations from global row {@code firstRow} on. */
  static double[] rowMask(Dropout dropout, StepInputs step, long firstRow, int rows, int c) {
    double[] mask = new double[rows * c];
    for (int i = 0; i < mask.length; i++) {
      long element = firstRow * c + i;
      mask[i] = factor(dropout, step, element / 8, (int) (element % 8));
    }
    return mask;
  }

  /** Dropout factors (B, NH, T, T) of attention from global sample {@code firstSample} on. */
  static double[] attentionMask(Dropout dropout, StepInputs step, int firstSample, Heads z) {
    double[] mask = new double[z.b * z.heads * z.t * z.t];
    long tiles = (z.t + 15) / 16;
    for (int at = 0; at < mask.length; at++) {
      int j = at % z.t;
      int i = at / z.t % z.t;
      long head = (long) firstSample * z.heads + at / z.t / z.t;
      long tile = (head * tiles + i / 16) * tiles + j / 16;
      int lane = j % 16 / 8 * 4 + i % 16 / 8 * 2 + j % 2;
      mask[at] = factor(dropout, step, tile * 32 + i % 8 * 4 + j % 8 / 2, lane);
    }
    return mask;
  }

  private static double factor(Dropout dropout, StepInputs step, long block, int lane) {
    if (!dropout.active()) {
      return 1;
    }
    int[] words = new int[4];
    int purpose = dropout.purpose() << 24 | dropout.site();
    Philox.raw(
        (int) step.seed(),
        (int) (step.seed() >> 32),
        (int) block,
        (int) (block >> 32),
        step.step(),
        purpose,
        words,
        0);
    int value = words[lane / 2] >> 16 * (lane % 2) & 0xFFFF;
    return value < dropout.threshold() ? 0 : 1 / (1 - dropout.threshold() / 65_536.0);
  }
}
