package io.gptjava.core.contract;

import java.util.Random;

/** Seeded test data. */
public final class Data {
  private final Random random;

  /** A stream of its own for each seed. */
  public Data(long seed) {
    random = new Random(seed);
  }

  /** Standard normal values. */
  public float[] normal(long count) {
    return normal(count, 0, 1);
  }

  /** Normal values. */
  public float[] normal(long count, double mean, double deviation) {
    float[] values = new float[Math.toIntExact(count)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (mean + deviation * random.nextGaussian());
    }
    return values;
  }

  /** Ids in [0, bound). */
  public int[] ids(long count, int bound) {
    return random.ints(count, 0, bound).toArray();
  }

  /** A value in [0, bound). */
  public int next(int bound) {
    return random.nextInt(bound);
  }

  /** Absolute values; null for null. */
  public static float[] abs(float[] values) {
    if (values == null) {
      return null;
    }
    float[] result = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      result[i] = Math.abs(values[i]);
    }
    return result;
  }

  /** Largest absolute value. */
  public static double maxAbs(float[] values) {
    double max = 0;
    for (float value : values) {
      max = Math.max(max, Math.abs(value));
    }
    return max;
  }

  /** As float64. */
  public static double[] doubles(float[] values) {
    double[] result = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      result[i] = values[i];
    }
    return result;
  }
}
