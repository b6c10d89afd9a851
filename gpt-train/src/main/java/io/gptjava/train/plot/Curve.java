package io.gptjava.train.plot;

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
  /** A point in data coordinates. */
  record Point(double x, double y) {}

  /** Adds a point; a value that is not finite leaves a gap. */
  void add(double x, double y) {
    points.add(new Point(x, Double.isFinite(y) ? y : Double.NaN));
  }

  Curve named(String newName) {
    return new Curve(newName, run, solid, points);
  }

  boolean isEmpty() {
    return points.stream().allMatch(p -> Double.isNaN(p.y()));
  }
}
