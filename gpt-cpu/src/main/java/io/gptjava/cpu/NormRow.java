package io.gptjava.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.gptjava.core.GptConfig;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * One worker's layer normalisation of one row at a time, the row being kept in first-level cache.
 */
final class NormRow {
  private static final int STEP = Vectors.F.length();

  private final DropoutMask mask;
  private int width;
  private int bound;

  /** The row that is normalised, later its normalised values. */
  private float[] values = new float[0];

  /** Gradient of the normalised values. */
  private float[] slopes = new float[0];

  private float[] dGamma = new float[0];
  private float[] dBeta = new float[0];

  /** Means over the row that the input's gradient needs, and the row's rstd. */
  private float slopeMean;

  private float projectionMean;
  private float rowRstd;

  NormRow(DropoutMask mask) {
    this.mask = mask;
  }

  /** Makes room for rows of this width. */
  void begin(int newWidth) {
    width = newWidth;
    bound = Vectors.F.loopBound(newWidth);
    if (values.length < newWidth) {
      values = new float[newWidth];
      slopes = new float[newWidth];
      dGamma = new float[newWidth];
      dBeta = new float[newWidth];
    }
  }

  /** Floats of a row. */
  int width() {
    return width;
  }

  /** Takes the row at a byte offset. */
  void load(MemorySegment x, long at) {
    for (int c = 0; c < bound; c += STEP) {
      Vectors.load(x, at + c * 4L).intoArray(values, c);
    }
    for (int c = bound; c < width; c++) {
      values[c] = x.get(JAVA_FLOAT, at + c * 4L);
    }
  }

  /** Takes {@code residual + drop(branch)} and stores it too. */
  void loadSum(
      MemorySegment residual, MemorySegment branch, MemorySegment sum, long at, long element) {
    if (!mask.active()) {
      for (int c = 0; c < bound; c += STEP) {
        FloatVector v = Vectors.load(residual, at + c * 4L).add(Vectors.load(branch, at + c * 4L));
        v.intoArray(values, c);
        Vectors.store(v, sum, at + c * 4L);
      }
      for (int c = bound; c < width; c++) {
        values[c] = residual.get(JAVA_FLOAT, at + c * 4L) + branch.get(JAVA_FLOAT, at + c * 4L);
        sum.set(JAVA_FLOAT, at + c * 4L, values[c]);
      }
      return;
    }
    int first = mask.row(element, width);
    float[] factors = mask.factors();
    for (int c = 0; c < bound; c += STEP) {
      FloatVector factor = FloatVector.fromArray(Vectors.F, factors, first + c);
      FloatVector v =
          Vectors.load(branch, at + c * 4L).fma(factor, Vectors.load(residual, at + c * 4L));
      v.intoArray(values, c);
      Vectors.store(v, sum, at + c * 4L);
    }
    for (int c = bound; c < width; c++) {
      values[c] =
          Math.fma(
              branch.get(JAVA_FLOAT, at + c * 4L),
              factors[first + c],
              residual.get(JAVA_FLOAT, at + c * 4L));
      sum.set(JAVA_FLOAT, at + c * 4L, values[c]);
    }
  }

  /** Normalises the row taken: mean first, then the variance around it, both from cache. */
  void normalize(
      MemorySegment gamma,
      MemorySegment beta,
      MemorySegment out,
      long at,
      MemorySegment means,
      MemorySegment rstds,
      long statistic) {
    float mean = rowSum() / width;
    float rstd = (float) (1 / Math.sqrt(squares(mean) / width + GptConfig.LAYER_NORM_EPSILON));
    means.set(JAVA_FLOAT, statistic, mean);
    rstds.set(JAVA_FLOAT, statistic, rstd);
    for (int c = 0; c < bound; c += STEP) {
      FloatVector v = FloatVector.fromArray(Vectors.F, values, c).sub(mean).mul(rstd);
      v = v.fma(Vectors.load(gamma, c * 4L), Vectors.load(beta, c * 4L));
      Vectors.store(v, out, at + c * 4L);
    }
    for (int c = bound; c < width; c++) {
      float y =
          Math.fma(
              (values[c] - mean) * rstd,
              gamma.get(JAVA_FLOAT, c * 4L),
              beta.get(JAVA_FLOAT, c * 4L));
      out.set(JAVA_FLOAT, at + c * 4L, y);
    }
  }

  private float rowSum() {
    FloatVector even = FloatVector.zero(Vectors.F);
    FloatVector odd = even;
    int c = 0;
    for (; c + STEP < bound; c += 2 * STEP) {
      even = even.add(FloatVector.fromArray(Vectors.F, values, c));
      odd = odd.add(FloatVector.fromArray(Vectors.F, values, c + STEP));
    }
    if (c < bound) {
      even = even.add(FloatVector.fromArray(Vectors.F, values, c));
    }
    float sum = Vectors.sum(even.add(odd));
    for (c = bound; c < width; c++) {
      sum += values[c];
    }
    return sum;
  }

  private float squares(float mean) {
    FloatVector even = FloatVector.zero(Vectors.F);
    FloatVector odd = even;
    int c = 0;
    for (; c + STEP < bound; c += 2 * STEP) {
      FloatVector a = FloatVector.fromArray(Vectors.F, values, c).sub(mean);
      FloatVector b = FloatVector.fromArray(Vectors.F, values, c + STEP).sub(mean);
      even = a.fma(a, even);
      odd = b.fma(b, odd);
    }
    if (c < bound) {
      FloatVector a = FloatVector.fromArray(Vectors.F, values, c).sub(mean);
      even = a.fma(a, even);
    }
    float sum = Vectors.sum(even.add(odd));
    for (c = bound; c < width; c++) {
      sum = Math.fma(values[c] - mean, values[c] - mean, sum);
    }
    return sum;
  }

  /** Zeroes the sums of the weight gradients. */
  void clearGradients() {
    Arrays.fill(dGamma, 0, width, 0);
    Arrays.fill(dBeta, 0, width, 0);
  }

  /** Adds a row to the weight gradients and prepares its {@link #inputGradient}. */
  void gradients(
      MemorySegment dOut,
      MemorySegment x,
      MemorySegment gamma,
      MemorySegment means,
      MemorySegment rstds,
      long at,
      long statistic) {
    float mean = means.get(JAVA_FLOAT, statistic);
    rowRstd = rstds.get(JAVA_FLOAT, statistic);
    FloatVector slopeSum = FloatVector.zero(Vectors.F);
    FloatVector projection = slopeSum;
    for (int c = 0; c < bound; c += STEP) {
      FloatVector dy = Vectors.load(dOut, at + c * 4L);
      FloatVector normal = Vectors.load(x, at + c * 4L).sub(mean).mul(rowRstd);
      FloatVector slope = dy.mul(Vectors.load(gamma, c * 4L));
      normal.intoArray(values, c);
      slope.intoArray(slopes, c);
      slopeSum = slopeSum.add(slope);
      projection = slope.fma(normal, projection);
      dy.fma(normal, FloatVector.fromArray(Vectors.F, dGamma, c)).intoArray(dGamma, c);
      dy.add(FloatVector.fromArray(Vectors.F, dBeta, c)).intoArray(dBeta, c);
    }
    float sum = Vectors.sum(slopeSum);
    float dot = Vectors.sum(projection);
    for (int c = bound; c < width; c++) {
      float dy = dOut.get(JAVA_FLOAT, at + c * 4L);
      values[c] = (x.get(JAVA_FLOAT, at + c * 4L) - mean) * rowRstd;
      slopes[c] = dy * gamma.get(JAVA_FLOAT, c * 4L);
      sum += slopes[c];
      dot = Math.fma(slopes[c], values[c], dot);
      dGamma[c] = Math.fma(dy, values[c], dGamma[c]);
      dBeta[c] += dy;
    }
    slopeMean = sum / width;
    projectionMean = dot / width;
  }

  /** {@code dx = later + rstd · (slope − mean(slope) − x̂ · mean(slope · x̂))}. */
  void inputGradient(MemorySegment laterOrNull, MemorySegment dx, long at) {
    FloatVector minusProjection = FloatVector.broadcast(Vectors.F, -projectionMean);
    for (int c = 0; c < bound; c += STEP) {
      FloatVector g = FloatVector.fromArray(Vectors.F, slopes, c).sub(slopeMean);
      g = FloatVector.fromArray(Vectors.F, values, c).fma(minusProjection, g).mul(rowRstd);
      Vectors.store(
          laterOrNull == null ? g : g.add(Vectors.load(laterOrNull, at + c * 4L)), dx, at + c * 4L);
    }
    for (int c = bound; c < width; c++) {
      float g = Math.fma(values[c], -projectionMean, slopes[c] - slopeMean) * rowRstd;
      float more = laterOrNull == null ? 0 : laterOrNull.get(JAVA_FLOAT, at + c * 4L);
      dx.set(JAVA_FLOAT, at + c * 4L, g + more);
    }
  }

  /** {@code dBranch = drop'(dx)}. */
  void branchGradient(MemorySegment dx, MemorySegment dBranch, long at, long element) {
    if (!mask.active()) {
      MemorySegment.copy(dx, at, dBranch, at, width * 4L);
      return;
    }
    int first = mask.row(element, width);
    float[] factors = mask.factors();
    for (int c = 0; c < bound; c += STEP) {
      FloatVector factor = FloatVector.fromArray(Vectors.F, factors, first + c);
      Vectors.store(Vectors.load(dx, at + c * 4L).mul(factor), dBranch, at + c * 4L);
    }
    for (int c = bound; c < width; c++) {
      dBranch.set(JAVA_FLOAT, at + c * 4L, dx.get(JAVA_FLOAT, at + c * 4L) * factors[first + c]);
    }
  }

  /** Writes the sums of the weight gradients: gamma's, then beta's. */
  void storeGradients(MemorySegment partials, long at) {
    MemorySegment.copy(dGamma, 0, partials, JAVA_FLOAT, at, width);
    MemorySegment.copy(dBeta, 0, partials, JAVA_FLOAT, at + width * 4L, width);
  }

  /** Adds up {@code count} partial rows that lie {@code stride} floats apart, in order. */
  static void combine(
      MemorySegment partials,
      long from,
      long stride,
      int count,
      MemorySegment out,
      int width,
      boolean accumulate) {
    int bound = Vectors.F.loopBound(width);
    for (int c = 0; c < bound; c += STEP) {
      FloatVector sum = accumulate ? Vectors.load(out, c * 4L) : FloatVector.zero(Vectors.F);
      for (int block = 0; block < count; block++) {
        sum = sum.add(Vectors.load(partials, (block * stride + from + c) * 4));
      }
      Vectors.store(sum, out, c * 4L);
    }
    for (int c = bound; c < width; c++) {
      float sum = accumulate ? out.get(JAVA_FLOAT, c * 4L) : 0;
      for (int block = 0; block < count; block++) {
        sum += partials.get(JAVA_FLOAT, (block * stride + from + c) * 4);
      }
      out.set(JAVA_FLOAT, c * 4L, sum);
    }
  }
}
