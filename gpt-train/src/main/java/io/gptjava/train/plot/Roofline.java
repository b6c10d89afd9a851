package io.gptjava.train.plot;

import java.util.List;

/**
 * A machine's two ceilings and what some operations reach below them.
 *
 * @param title what was measured
 * @param flopsPerSecond the plateau
 * @param bytesPerSecond the slope, FLOP/s per FLOP/byte
 * @param points the operations
 */
public record Roofline(
    String title, double flopsPerSecond, double bytesPerSecond, List<Point> points) {
  /** Copies the list. */
  public Roofline {
    points = List.copyOf(points);
  }

  /**
   * One operation.
   *
   * @param name short enough for a label
   * @param flops of one call; 0 where none are counted
   * @param bytes of one call
   * @param seconds that one call takes
   */
  public record Point(String name, double flops, double bytes, double seconds) {}

  /** The shortest time that the ceilings allow over the time that it takes. */
  double share(Point point) {
    return Math.max(point.flops / flopsPerSecond, point.bytes / bytesPerSecond) / point.seconds;
  }

  /** FLOP/byte from which on the plateau is the lower ceiling. */
  double ridge() {
    return flopsPerSecond / bytesPerSecond;
  }
}
