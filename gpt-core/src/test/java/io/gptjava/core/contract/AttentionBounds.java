package io.gptjava.core.contract;

/**
 * What roundings allow in attention and its gradient, in unit roundoffs: for each element the sum
 * over its terms of a term's size times the roundoffs that it may be off by.
 *
 * <p>A score s of size |s| = Σ|q||k| / √HS is off by {@link #DOT}·|s| roundoffs, absolutely; exp
 * turns this, and the same of the row's maximum or log-sum-exp, into a relative error of the
 * softmax weight.
 */
final class AttentionBounds {
  /**
   * Roundoffs of a dot product relative to Σ|a||b|, for operands of random signs: partial sums stay
   * near √K·σ², so K roundings of random sign add up to about K·σ² ≈ 1.6·Σ|a||b|.
   */
  private static final double DOT = 4;

  private final int t;
  private final int heads;
  private final int size;
  private final float[] qkv;
  private final double dropoutScale;
  private final double stored;
  private final double[] scores;
  private final double[] sizes;
  private final double[] weights;
  final double[] out;
  final double[] logSumExp;
  final double[] dQkv;

  /**
   * Bounds for one call.
   *
   * @param dOut gradient of the output
   * @param firstVisibleOrNull as given to the op
   * @param dropoutScale factor of kept weights
   * @param stored roundoffs of weights and their gradients, which may be rounded to the op's dtype
   *     before they meet values, queries and keys
   */
  AttentionBounds(
      float[] qkv,
      float[] dOut,
      int[] firstVisibleOrNull,
      int batch,
      int t,
      int heads,
      int size,
      double dropoutScale,
      double stored) {
    this.t = t;
    this.heads = heads;
    this.size = size;
    this.qkv = qkv;
    this.dropoutScale = dropoutScale;
    this.stored = stored;
    scores = new double[t];
    sizes = new double[t];
    weights = new double[t];
    out = new double[batch * t * heads * size];
    logSumExp = new double[batch * heads * t];
    dQkv = new double[3 * out.length];
    for (int row = 0; row < logSumExp.length; row++) {
      int b = row / t / heads;
      int h = row / t % heads;
      int i = row % t;
      int from = firstVisibleOrNull == null ? 0 : firstVisibleOrNull[b * t + i];
      double largest = softmax(b, h, i, from);
      logSumExp[row] = DOT * largest + Math.log(t) + 8 + Tolerance.sumRoundoffs(t);
      addQuery(b, h, i, from, largest, dOut);
    }
  }

  /** Fills in one query's scores, their sizes and weights; returns the largest size. */
  private double softmax(int b, int h, int i, int from) {
    double max = Double.NEGATIVE_INFINITY;
    double largest = 0;
    for (int j = from; j <= i; j++) {
      scores[j] = 0;
      sizes[j] = 0;
      for (int d = 0; d < size; d++) {
        double product = qkv[at(b, i, 0, h) + d] * qkv[at(b, j, 1, h) + d] / Math.sqrt(size);
        scores[j] += product;
        sizes[j] += Math.abs(product);
      }
      max = Math.max(max, scores[j]);
      largest = Math.max(largest, sizes[j]);
    }
    double sum = 0;
    for (int j = from; j <= i; j++) {
      weights[j] = Math.exp(scores[j] - max);
      sum += weights[j];
    }
    for (int j = from; j <= i; j++) {
      weights[j] /= sum;
    }
    return largest;
  }

  private void addQuery(int b, int h, int i, int from, double largest, float[] dOut) {
    int plain = ((b * t + i) * heads + h) * size;
    double[] dWeights = new double[i + 1]; // Σ|dOut||v|
    double correction = 0;
    for (int j = from; j <= i; j++) {
      for (int d = 0; d < size; d++) {
        double product = dOut[plain + d] * qkv[at(b, j, 2, h) + d];
        dWeights[j] += dropoutScale * Math.abs(product);
      }
      correction += weights[j] * dWeights[j];
    }
    for (int j = from; j <= i; j++) {
      double roundoffs =
          DOT * (sizes[j] + largest) + Math.log(t) + 8 + DOT + Tolerance.sumRoundoffs(t) + stored;
      double value = roundoffs * weights[j] * dropoutScale;
      double dScore = roundoffs * weights[j] * (dWeights[j] + correction) / Math.sqrt(size);
      for (int d = 0; d < size; d++) {
        int q = at(b, i, 0, h) + d;
        int k = at(b, j, 1, h) + d;
        int v = at(b, j, 2, h) + d;
        out[plain + d] += value * Math.abs(qkv[v]);
        dQkv[q] += dScore * Math.abs(qkv[k]);
        dQkv[k] += dScore * Math.abs(qkv[q]);
        dQkv[v] += value * Math.abs(dOut[plain + d]);
      }
    }
  }

  private int at(int b, int position, int third, int h) {
    return (((b * t + position) * 3 + third) * heads + h) * size;
  }
}
