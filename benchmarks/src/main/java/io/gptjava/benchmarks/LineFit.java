package io.gptjava.benchmarks;

import java.util.Arrays;

/**
 * A cost as a line, by least squares of the relative error.
 *
 * @param constant the cost at 0
 * @param slope what each step of x adds; 0 if all x are the same
 * @param worst largest relative deviation of a measured cost from the line
 */
public record LineFit(double constant, double slope, double worst) {
  /**
   * Fits.
   *
   * @param x at least one
   * @param costs measured at each, above 0
   */
  public static LineFit of(double[] x, double[] costs) {
    double w = 0;
    double wx = 0;
    double wxx = 0;
    double wy = 0;
    double wxy = 0;
    for (int i = 0; i < x.length; i++) {
      double weight = 1 / (costs[i] * costs[i]);
      w += weight;
      wx += weight * x[i];
      wxx += weight * x[i] * x[i];
      wy += weight * costs[i];
      wxy += weight * x[i] * costs[i];
    }
    boolean flat = Arrays.stream(x).allMatch(value -> value == x[0]);
    double slope = flat ? 0 : (w * wxy - wx * wy) / (w * wxx - wx * wx);
    double constant = (wy - slope * wx) / w;
    LineFit line = new LineFit(constant, slope, 0);
    double worst = 0;
    for (int i = 0; i < x.length; i++) {
      worst = Math.max(worst, Math.abs(line.deviation(x[i], costs[i])));
    }
    return new LineFit(constant, slope, worst);
  }

  /** The line's cost at a place. */
  public double at(double x) {
    return constant + slope * x;
  }

  /** How far a measured cost is from the line, as a share of the cost; above 0 if it is higher. */
  public double deviation(double x, double cost) {
    return (cost - at(x)) / cost;
  }
}
