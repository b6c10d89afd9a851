package io.gptjava.benchmarks;

import java.util.List;

/**
 * How the time of forward and backward pass per token grows with the length of the sequences, over
 * points that differ in nothing but batch and length.
 *
 * @param points at least two
 * @param measured microseconds per token as a line in T, flat if T is the same everywhere
 * @param flops per token as a line in T, by the formulas beside the ops: attention is the slope,
 *     everything else the constant
 * @param rate the FLOP/s that explain the times best if all FLOPs cost the same
 */
public record CostFit(List<TrainPoint> points, LineFit measured, LineFit flops, double rate) {
  private static final double MICRO = 1e-6;

  /** Copies the list. */
  public CostFit {
    points = List.copyOf(points);
  }

  /** Fits, each point counting by its relative error. */
  public static CostFit of(List<TrainPoint> points) {
    double[] lengths = points.stream().mapToDouble(p -> p.settings().sequence()).toArray();
    double[] times = points.stream().mapToDouble(TrainPoint::passMicrosecondsPerToken).toArray();
    double[] flops = points.stream().mapToDouble(TrainPoint::passFlopsPerToken).toArray();
    double numerator = 0;
    double denominator = 0;
    for (int i = 0; i < times.length; i++) {
      double share = flops[i] / times[i];
      numerator += share;
      denominator += share * share;
    }
    double microsecondsPerFlop = numerator / denominator;
    return new CostFit(
        points,
        LineFit.of(lengths, times),
        LineFit.of(lengths, flops),
        1 / (microsecondsPerFlop * MICRO));
  }

  /** Whether the lengths differ, so that there is a slope. */
  public boolean sloped() {
    return points.stream().mapToInt(p -> p.settings().sequence()).distinct().count() > 1;
  }

  /** How far a point's time is above the line, as a share of the time. */
  public double deviation(TrainPoint point) {
    return measured.deviation(point.settings().sequence(), point.passMicrosecondsPerToken());
  }

  /** Microseconds per token by FLOPs alone. */
  public double predicted(TrainPoint point) {
    return point.passFlopsPerToken() / rate / MICRO;
  }

  /** How far a point's time is above what its FLOPs say, as a share of the time. */
  public double deviationFromFlops(TrainPoint point) {
    double time = point.passMicrosecondsPerToken();
    return (time - predicted(point)) / time;
  }

  /** Microseconds per token of the prediction's constant part. */
  public double predictedConstant() {
    return flops.constant() / rate / MICRO;
  }

  /** Microseconds per token and position of the prediction. */
  public double predictedSlope() {
    return flops.slope() / rate / MICRO;
  }
}
