package io.gptjava.train.plot;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.geom.Ellipse2D;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.jfree.chart.annotations.XYLineAnnotation;
import org.jfree.chart.annotations.XYTextAnnotation;
import org.jfree.chart.axis.LogAxis;
import org.jfree.chart.axis.NumberTickUnit;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.chart.title.TextTitle;
import org.jfree.chart.ui.HorizontalAlignment;
import org.jfree.chart.ui.TextAnchor;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;

/**
 * The roofline (Williams et al., 2009): FLOP/s over arithmetic intensity, both logarithmic, one
 * labelled point an operation. Operations for which no FLOPs are counted have no intensity: they
 * stand at the left, spread out, as far below the slope as their bandwidth is.
 */
public final class RooflinePlot {
  /** Columns of labels at either side, as shares of the width. */
  private static final double LEFT = 0.26;

  private static final double RIGHT = 0.29;

  /** Decades that operations without FLOPs spread over, and what separates them from the rest. */
  private static final double SPREAD = 1.2;

  private static final double APART = 0.35;
  private static final int LABEL_SIZE = 9;
  private static final Color ROOF = new Color(0x33, 0x38, 0x40);
  private static final Color LEADER = new Color(0xCD, 0xD2, 0xDA);

  private final Roofline roofline;
  private final List<Placed> placed;
  private final double left;
  private final double right;
  private final double bottom;
  private final double top;

  /** An operation and the decimal logarithms of its intensity and of its FLOP/s. */
  private record Placed(Roofline.Point point, double x, double y) {}

  private RooflinePlot(Roofline roofline) {
    this.roofline = roofline;
    placed = place(roofline);
    double first =
        Math.min(
            placed.stream().mapToDouble(Placed::x).min().orElseThrow(),
            Math.log10(roofline.ridge()) - 0.5);
    double last =
        Math.max(
            placed.stream().mapToDouble(Placed::x).max().orElseThrow(),
            Math.log10(roofline.ridge()) + 0.5);
    double width = (last - first) / (1 - LEFT - RIGHT);
    left = first - LEFT * width;
    right = last + RIGHT * width;
    bottom = placed.stream().mapToDouble(Placed::y).min().orElseThrow() - 0.3;
    top =
        Math.max(
                placed.stream().mapToDouble(Placed::y).max().orElseThrow(),
                Math.log10(roofline.flopsPerSecond()))
            + 0.4;
  }

  /**
   * Sees that a chart can be written to a file of this name.
   *
   * @throws io.gptjava.core.GptException with {@link io.gptjava.core.Failure#USAGE} if not
   */
  public static void check(Path file) {
    Chart.Format.of(file);
  }

  /**
   * Draws.
   *
   * @param roofline with at least one point
   */
  public static Chart of(Roofline roofline) {
    return new RooflinePlot(roofline).draw();
  }

  private static List<Placed> place(Roofline roofline) {
    List<Placed> placed = new ArrayList<>();
    List<Roofline.Point> counted =
        roofline.points().stream().filter(point -> point.flops() > 0).toList();
    for (Roofline.Point point : counted) {
      placed.add(
          new Placed(
              point,
              Math.log10(point.flops() / point.bytes()),
              Math.log10(point.flops() / point.seconds())));
    }
    List<Roofline.Point> moving =
        roofline.points().stream()
            .filter(point -> point.flops() == 0)
            .sorted(Comparator.comparingDouble(point -> point.bytes() / point.seconds()))
            .toList();
    double end =
        Math.min(
                placed.stream().mapToDouble(Placed::x).min().orElse(Double.MAX_VALUE),
                Math.log10(roofline.ridge()) - 0.5)
            - APART;
    for (int i = 0; i < moving.size(); i++) {
      double x = end - SPREAD * (moving.size() - 1 - i) / Math.max(1, moving.size() - 1);
      Roofline.Point point = moving.get(i);
      placed.add(new Placed(point, x, x + Math.log10(point.bytes() / point.seconds())));
    }
    return placed;
  }

  private Chart draw() {
    ChartStyle.headless();
    XYSeriesCollection data = new XYSeriesCollection();
    XYLineAndShapeRenderer renderer = new XYLineAndShapeRenderer(true, false);
    XYSeries roof = new XYSeries("roof", false, true);
    double slope = Math.log10(roofline.bytesPerSecond());
    add(roof, Math.max(left, bottom - slope), Math.max(bottom, left + slope));
    add(roof, Math.log10(roofline.ridge()), Math.log10(roofline.flopsPerSecond()));
    add(roof, right, Math.log10(roofline.flopsPerSecond()));
    data.addSeries(roof);
    renderer.setSeriesPaint(0, ROOF);
    renderer.setSeriesStroke(0, new BasicStroke(1.8f));
    for (boolean counted : new boolean[] {true, false}) {
      XYSeries series = new XYSeries(counted ? "matrix products" : "memory", true, true);
      ops(counted).forEach(op -> add(series, op.x, op.y));
      data.addSeries(series);
      int index = data.getSeriesCount() - 1;
      renderer.setSeriesPaint(index, ChartStyle.colour(counted ? 0 : 1));
      renderer.setSeriesLinesVisible(index, false);
      renderer.setSeriesShapesVisible(index, true);
      renderer.setSeriesShape(index, new Ellipse2D.Double(-3, -3, 6, 6));
    }
    XYPlot plot =
        new XYPlot(
            data,
            axis("Arithmetic intensity, FLOP/byte (orange: no FLOPs counted, spread out)", true),
            axis("FLOP/s", false),
            renderer);
    ChartStyle.stylePlot(plot);
    label(plot, ops(false), true);
    label(plot, ops(true), false);
    ceilings(plot);
    Chart chart = ChartStyle.chart(plot);
    TextTitle title = new TextTitle(roofline.title(), new Font(ChartStyle.FONT, Font.PLAIN, 12));
    title.setHorizontalAlignment(HorizontalAlignment.LEFT);
    title.setPaint(ROOF);
    chart.content().setTitle(title);
    return chart;
  }

  private List<Placed> ops(boolean counted) {
    return placed.stream()
        .filter(op -> op.point.flops() > 0 == counted)
        .sorted(Comparator.comparingDouble(Placed::y))
        .toList();
  }

  private static void add(XYSeries series, double x, double y) {
    series.add(Math.pow(10, x), Math.pow(10, y), false);
  }

  private LogAxis axis(String name, boolean horizontal) {
    LogAxis axis = new LogAxis(name);
    axis.setRange(Math.pow(10, horizontal ? left : bottom), Math.pow(10, horizontal ? right : top));
    axis.setTickUnit(new NumberTickUnit(1), false, true);
    axis.setMinorTickMarksVisible(false);
    axis.setNumberFormatOverride(new UnitFormat());
    return axis;
  }

  /** A column of labels at one side, in the order of their points' heights, with leaders. */
  private void label(XYPlot plot, List<Placed> ops, boolean atLeft) {
    double width = right - left;
    double column = left + (atLeft ? LEFT - 0.01 : 1 - RIGHT + 0.02) * width;
    double height = top - bottom;
    double room = 0.84 * height;
    double step = Math.min(0.05 * height, room / Math.max(1, ops.size()));
    double low = bottom + 0.04 * height;
    if (atLeft) {
      // Above the slope, where no points are, as far as there is room.
      double slope = column + Math.log10(roofline.bytesPerSecond()) + 0.05 * height;
      low = Math.clamp(slope, low, low + room - step * ops.size());
    }
    for (int i = 0; i < ops.size(); i++) {
      Placed op = ops.get(i);
      double y = low + step * (i + 0.5);
      String text =
          String.format(Locale.ROOT, "%s %.0f %%", op.point.name(), 100 * roofline.share(op.point));
      XYTextAnnotation label = new XYTextAnnotation(text, Math.pow(10, column), Math.pow(10, y));
      label.setTextAnchor(atLeft ? TextAnchor.CENTER_RIGHT : TextAnchor.CENTER_LEFT);
      label.setFont(new Font(ChartStyle.FONT, Font.PLAIN, LABEL_SIZE));
      label.setPaint(ROOF);
      plot.addAnnotation(label, false);
      plot.addAnnotation(
          new XYLineAnnotation(
              Math.pow(10, column + (atLeft ? 0.004 : -0.004) * width),
              Math.pow(10, y),
              Math.pow(10, op.x),
              Math.pow(10, op.y),
              new BasicStroke(0.6f),
              LEADER),
          false);
    }
  }

  private void ceilings(XYPlot plot) {
    double ridge = Math.log10(roofline.ridge());
    text(
        plot,
        "matrix product " + UnitFormat.of(roofline.flopsPerSecond()) + "FLOP/s",
        right - 0.02 * (right - left),
        Math.log10(roofline.flopsPerSecond()) + 0.012 * (top - bottom),
        TextAnchor.BOTTOM_RIGHT);
    text(
        plot,
        "copy " + UnitFormat.of(roofline.bytesPerSecond()) + "B/s",
        ridge - 0.02 * (right - left),
        Math.log10(roofline.flopsPerSecond()),
        TextAnchor.BOTTOM_RIGHT);
  }

  private static void text(XYPlot plot, String text, double x, double y, TextAnchor anchor) {
    XYTextAnnotation annotation = new XYTextAnnotation(text, Math.pow(10, x), Math.pow(10, y));
    annotation.setTextAnchor(anchor);
    annotation.setFont(new Font(ChartStyle.FONT, Font.BOLD, 11));
    annotation.setPaint(ROOF);
    plot.addAnnotation(annotation, false);
  }
}
