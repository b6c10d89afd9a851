package io.gptjava.train.report;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;

/**
 * A curve that grows point by point and stays small: neighbours are gathered in groups of equal
 * size, of which mean, lowest and highest value are kept, and when there are too many groups, each
 * two become one. Up to {@link #MOST_GROUPS} points a group is one point.
 */
final class ThinnedCurve {
  /** More would be finer than the pixels of a screen. */
  static final int MOST_GROUPS = 2000;

  private final long[] first = new long[MOST_GROUPS]; // step of a group's first point
  private final long[] last = new long[MOST_GROUPS];
  private final long[] tokens = new long[MOST_GROUPS]; // seen until the group's last point
  private final double[] sum = new double[MOST_GROUPS]; // of the values that are finite
  private final int[] count = new int[MOST_GROUPS];
  private final double[] low = new double[MOST_GROUPS];
  private final double[] high = new double[MOST_GROUPS];
  private int groups;
  private int size = 1; // points of a full group
  private int filled; // points of the newest group

  /** Adds the next point; a value that is not finite is a gap, unless its group has others. */
  void add(long step, long tokensSeen, double value) {
    if (groups == 0 || filled == size) {
      if (groups == MOST_GROUPS) {
        halve();
      }
      begin(step);
    }
    int group = groups - 1;
    filled++;
    last[group] = step;
    tokens[group] = tokensSeen;
    if (Double.isFinite(value)) {
      sum[group] += value;
      count[group]++;
      low[group] = Math.min(low[group], value);
      high[group] = Math.max(high[group], value);
    }
  }

  private void begin(long step) {
    first[groups] = step;
    sum[groups] = 0;
    count[groups] = 0;
    low[groups] = Double.POSITIVE_INFINITY;
    high[groups] = Double.NEGATIVE_INFINITY;
    groups++;
    filled = 0;
  }

  /** Makes one group of each two. */
  private void halve() {
    for (int to = 0; to < groups / 2; to++) {
      int a = 2 * to;
      int b = a + 1;
      first[to] = first[a];
      last[to] = last[b];
      tokens[to] = tokens[b];
      sum[to] = sum[a] + sum[b];
      count[to] = count[a] + count[b];
      low[to] = Math.min(low[a], low[b]);
      high[to] = Math.max(high[a], high[b]);
    }
    groups /= 2;
    size *= 2;
  }

  boolean isEmpty() {
    return Arrays.stream(count, 0, groups).allMatch(c -> c == 0);
  }

  int groups() {
    return groups;
  }

  /**
   * Arrays of equal length: {@code step}, {@code tokens}, {@code mean}, and unless each group is a
   * single point {@code low} and {@code high}. A gap is null.
   */
  ObjectNode toJson() {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    ArrayNode steps = node.putArray("step");
    ArrayNode seen = node.putArray("tokens");
    ArrayNode mean = node.putArray("mean");
    for (int i = 0; i < groups; i++) {
      steps.add(first[i] + (last[i] - first[i]) / 2);
      seen.add(tokens[i]);
      put(mean, sum[i] / count[i]);
    }
    if (size > 1) {
      ArrayNode lows = node.putArray("low");
      ArrayNode highs = node.putArray("high");
      for (int i = 0; i < groups; i++) {
        put(lows, low[i]);
        put(highs, high[i]);
      }
    }
    return node;
  }

  /** Seven digits are enough for a picture. */
  private static void put(ArrayNode array, double value) {
    float rounded = (float) value;
    if (Float.isFinite(rounded)) {
      array.add(rounded);
    } else {
      array.addNull();
    }
  }
}
