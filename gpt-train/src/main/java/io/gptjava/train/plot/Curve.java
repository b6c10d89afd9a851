package io.gptjava.train.plot;

import java.util.ArrayList;
import java.util.List;

/**
 * One line of a chart.
 *
 * @param name in the legend
 * @param run index of the run that it belongs to
 * @param solid or dash-dotted
 * @param points (epochs, value), in order
 */
record Curve(String name, int run, boolean solid, List<Point> points) {
  /** More points than a chart has pixels are drawn as the range of each group. */
  private static final int MOST_GROUPS = 1500;

  /** A point in data coordinates. */
  record Point(double x, double y) {}

  /** Adds a point; a value that is not finite leaves a gap. */
  void add(double x, double y) {
    points.add(new Point(x, Double.isFinite(y) ? y : Double.NaN));
  }

  /**
   * At most 3000 points that look the same: of each group of neighbours, the lowest and the highest
   * in their order.
   */
  List<Point> thinned() {
    if (points.size() <= 2 * MOST_GROUPS) {
      return points;
    }
    List<Point> few = new ArrayList<>();
    for (int group = 0; group < MOST_GROUPS; group++) {
      int from = (int) ((long) points.size() * group / MOST_GROUPS);
      int to = (int) ((long) points.size() * (group + 1) / MOST_GROUPS);
      int low = from;
      int high = from;
      for (int i = from; i < to; i++) {
        low = points.get(i).y() < points.get(low).y() ? i : low;
        high = points.get(i).y() > points.get(high).y() ? i : high;
      }
      few.add(points.get(Math.min(low, high)));
      if (low != high) {
        few.add(points.get(Math.max(low, high)));
      }
    }
    return few;
  }

  Curve named(String newName) {
    return new Curve(newName, run, solid, points);
  }

  boolean isEmpty() {
    return points.stream().allMatch(p -> Double.isNaN(p.y()));
  }
}
