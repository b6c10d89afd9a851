package io.gptjava.core.reference;

import io.gptjava.core.Dropout;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Tensor;

/** Causal attention, one query at a time with an explicit loop over its keys. */
final class ReferenceAttention {
  private final HostStepControl control;

  ReferenceAttention(HostStepControl control) {
    this.control = control;
  }

  /** Sizes of one call, and where an element of each tensor is. */
  private record Shape(int batch, int sequence, int width, int heads) {
    static Shape of(Tensor qkv, int heads) {
      int width = (int) (qkv.size(-1) / 3);
      if (qkv.rank() != 3 || width * 3L != qkv.size(-1) || heads < 1 || width % heads != 0) {
        throw new IllegalArgumentException("qkv is %s, heads %d".formatted(qkv, heads));
      }
      return new Shape((int) qkv.size(0), (int) qkv.size(1), width, heads);
    }

    int headSize() {
      return width / heads;
    }

    double scale() {
      return 1 / Math.sqrt(headSize());
    }

    /** Element 0 of a head's query (third 0), key (1) or value (2). */
    long packed(int b, int t, int third, int h) {
      return ((long) b * sequence + t) * 3 * width + (long) third * width + (long) h * headSize();
    }

    /** Element 0 of a head in a (B, T, C) tensor. */
    long plain(int b, int t, int h) {
      return ((long) b * sequence + t) * width + (long) h * headSize();
    }

    /** Element of a (B, NH, T) tensor. */
    long statistic(int b, int h, int t) {
      return ((long) b * heads + h) * sequence + t;
    }

    int firstVisible(Elements firstVisible, int b, int i) {
      if (firstVisible == null) {
        return 0;
      }
      int first = firstVisible.getInt((long) b * sequence + i);
      if (first < 0 || first > i) {
        throw new IllegalArgumentException("first visible key %d of query %d".formatted(first, i));
      }
      return first;
    }
  }

  private static double dot(Elements a, long atA, Elements b, long atB, int count) {
    double sum = 0;
    for (int d = 0; d < count; d++) {
      sum += a.get(atA + d) * b.get(atB + d);
    }
    return sum;
  }

  void forward(
      Tensor qkv,
      Tensor firstVisibleOrNull,
      int heads,
      Dropout dropout,
      Tensor out,
      Tensor logSumExp) {
    Shape s = Shape.of(qkv, heads);
    int t = s.sequence();
    Elements in = Elements.floats("qkv", qkv, s.batch(), t, 3L * s.width());
    Elements first =
        firstVisibleOrNull == null
            ? null
            : Elements.ints("firstVisible", firstVisibleOrNull, s.batch(), t);
    Elements y = Elements.floats("out", out, s.batch(), t, s.width());
    Elements lse = Elements.floats("logSumExp", logSumExp, s.batch(), heads, t);
    Mask mask = new Mask(dropout, control);
    double[] scores = new double[t];
    for (int b = 0; b < s.batch(); b++) {
      for (int h = 0; h < heads; h++) {
        for (int i = 0; i < t; i++) {
          int from = s.firstVisible(first, b, i);
          long query = s.packed(b, i, 0, h);
          double max = Double.NEGATIVE_INFINITY;
          for (int j = from; j <= i; j++) {
            scores[j] = s.scale() * dot(in, query, in, s.packed(b, j, 1, h), s.headSize());
            max = Math.max(max, scores[j]);
          }
          double sum = 0;
          for (int j = from; j <= i; j++) {
            sum += Math.exp(scores[j] - max);
          }
          double log = max + Math.log(sum);
          for (int j = from; j <= i; j++) {
            scores[j] = Math.exp(scores[j] - log) * mask.attention(b, h, heads, t, i, j);
          }
          for (int d = 0; d < s.headSize(); d++) {
            double value = 0;
            for (int j = from; j <= i; j++) {
              value += scores[j] * in.get(s.packed(b, j, 2, h) + d);
            }
            y.set(s.plain(b, i, h) + d, value);
          }
          lse.set(s.statistic(b, h, i), log);
        }
      }
    }
  }

  /**
   * With P the softmax, M the dropout factors and D[i] = dOut[i]·out[i] (which equals Σ P ⊙ dP):
   * {@code dP = M ⊙ (dOut·vᵀ)}, {@code dS = P ⊙ (dP − D)}, {@code dq = dS·k / √HS}, {@code dk =
   * dSᵀ·q / √HS}, {@code dv = (M ⊙ P)ᵀ·dOut}.
   */
  void backward(
      Tensor dOut,
      Tensor qkv,
      Tensor out,
      Tensor logSumExp,
      Tensor firstVisibleOrNull,
      int heads,
      Dropout dropout,
      Tensor dQkv) {
    Shape s = Shape.of(qkv, heads);
    int t = s.sequence();
    Elements dY = Elements.floats("dOut", dOut, s.batch(), t, s.width());
    Elements in = Elements.floats("qkv", qkv, s.batch(), t, 3L * s.width());
    Elements y = Elements.floats("out", out, s.batch(), t, s.width());
    Elements lse = Elements.floats("logSumExp", logSumExp, s.batch(), heads, t);
    Elements first =
        firstVisibleOrNull == null
            ? null
            : Elements.ints("firstVisible", firstVisibleOrNull, s.batch(), t);
    Elements dIn = Elements.floats("dQkv", dQkv, s.batch(), t, 3L * s.width());
    Mask mask = new Mask(dropout, control);
    int size = s.headSize();
    for (int b = 0; b < s.batch(); b++) {
      for (int h = 0; h < heads; h++) {
        double[] dQuery = new double[t * size];
        double[] dKey = new double[t * size];
        double[] dValue = new double[t * size];
        for (int i = 0; i < t; i++) {
          long query = s.packed(b, i, 0, h);
          long row = s.plain(b, i, h);
          double correction = dot(dY, row, y, row, size);
          for (int j = s.firstVisible(first, b, i); j <= i; j++) {
            long key = s.packed(b, j, 1, h);
            double score = s.scale() * dot(in, query, in, key, size);
            double weight = Math.exp(score - lse.get(s.statistic(b, h, i)));
            double factor = mask.attention(b, h, heads, t, i, j);
            double dWeight = factor * dot(dY, row, in, s.packed(b, j, 2, h), size);
            double dScore = weight * (dWeight - correction) * s.scale();
            for (int d = 0; d < size; d++) {
              dQuery[i * size + d] += dScore * in.get(key + d);
              dKey[j * size + d] += dScore * in.get(query + d);
              dValue[j * size + d] += factor * weight * dY.get(row + d);
            }
          }
        }
        for (int i = 0; i < t; i++) {
          for (int d = 0; d < size; d++) {
            dIn.set(s.packed(b, i, 0, h) + d, dQuery[i * size + d]);
            dIn.set(s.packed(b, i, 1, h) + d, dKey[i * size + d]);
            dIn.set(s.packed(b, i, 2, h) + d, dValue[i * size + d]);
          }
        }
      }
    }
  }

  void cached(Tensor qkv, Tensor keyCache, Tensor valueCache, int firstPosition, Tensor out) {
    int heads = (int) keyCache.size(1);
    int capacity = (int) keyCache.size(2);
    Shape s = Shape.of(qkv, heads);
    int size = s.headSize();
    if (firstPosition < 0 || firstPosition + (long) s.sequence() > capacity) {
      throw new IllegalArgumentException(
          "%d positions after %d in a cache of %d"
              .formatted(s.sequence(), firstPosition, capacity));
    }
    Elements in = Elements.floats("qkv", qkv, s.batch(), s.sequence(), 3L * s.width());
    Elements keys = Elements.floats("keyCache", keyCache, s.batch(), heads, capacity, size);
    Elements values = Elements.floats("valueCache", valueCache, s.batch(), heads, capacity, size);
    Elements y = Elements.floats("out", out, s.batch(), s.sequence(), s.width());
    double[] weights = new double[capacity];
    for (int b = 0; b < s.batch(); b++) {
      for (int h = 0; h < heads; h++) {
        long cache = ((long) b * heads + h) * capacity * size;
        for (int t = 0; t < s.sequence(); t++) {
          for (int d = 0; d < size; d++) {
            long at = cache + (long) (firstPosition + t) * size + d;
            keys.set(at, in.get(s.packed(b, t, 1, h) + d));
            values.set(at, in.get(s.packed(b, t, 2, h) + d));
          }
        }
        for (int t = 0; t < s.sequence(); t++) {
          int last = firstPosition + t;
          double max = Double.NEGATIVE_INFINITY;
          for (int j = 0; j <= last; j++) {
            long key = cache + (long) j * size;
            weights[j] = s.scale() * dot(in, s.packed(b, t, 0, h), keys, key, size);
            max = Math.max(max, weights[j]);
          }
          double sum = 0;
          for (int j = 0; j <= last; j++) {
            weights[j] = Math.exp(weights[j] - max);
            sum += weights[j];
          }
          for (int d = 0; d < size; d++) {
            double value = 0;
            for (int j = 0; j <= last; j++) {
              value += weights[j] / sum * values.get(cache + (long) j * size + d);
            }
            y.set(s.plain(b, t, h) + d, value);
          }
        }
      }
    }
  }
}
