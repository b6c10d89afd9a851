package io.gptjava.train.plot;

import io.gptjava.train.run.RunHistory;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Paint;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.text.FieldPosition;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.annotations.XYTitleAnnotation;
import org.jfree.chart.axis.AxisLocation;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.axis.NumberTickUnit;
import org.jfree.chart.axis.TickUnits;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.block.BlockBorder;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.chart.title.LegendTitle;
import org.jfree.chart.ui.RectangleAnchor;
import org.jfree.chart.ui.RectangleEdge;
import org.jfree.chart.ui.RectangleInsets;
import org.jfree.data.Range;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;

/**
 * How charts look: light, thin axes, a faint grid, colours that colour-blind readers tell apart.
 */
final class ChartStyle {
  /** Family of every text. */
  static final String FONT = Font.SANS_SERIF;

  private static final Color INK = new Color(0x33, 0x38, 0x40);
  private static final Color MUTED = new Color(0x6B, 0x72, 0x80);
  private static final Color GRID = new Color(0xE5, 0xE7, 0xEB);
  private static final Color AXIS = new Color(0xB8, 0xBD, 0xC6);

  /** Okabe and Ito's palette, the pale yellow left out. */
  private static final List<Color> COLOURS =
      List.of(
          new Color(0x00, 0x72, 0xB2),
          new Color(0xD5, 0x5E, 0x00),
          new Color(0x00, 0x9E, 0x73),
          new Color(0xCC, 0x79, 0xA7),
          new Color(0xE6, 0x9F, 0x00),
          new Color(0x56, 0xB4, 0xE9));

  private static final float LINE = 2.2f;
  private static final float[] DASH_DOT = {9f, 4f, 1.5f, 4f};

  private ChartStyle() {}

  /** A chart of curves over epochs, with tokens at the top where all runs agree about them. */
  static Chart chart(String valueLabel, List<Curve> curves, List<RunHistory> runs) {
    headless();
    XYSeriesCollection data = new XYSeriesCollection();
    XYLineAndShapeRenderer renderer = new XYLineAndShapeRenderer(true, false);
    renderer.setDrawSeriesLineAsPath(true);
    int index = 0;
    for (Curve curve : curves) {
      if (!curve.isEmpty()) {
        data.addSeries(series(new Key(index, curve.name()), curve));
        renderer.setSeriesPaint(index, colour(curve, runs.size()));
        renderer.setSeriesStroke(index, stroke(curve.solid()));
        renderer.setSeriesShapesVisible(index, curve.points().size() == 1);
        index++;
      }
    }
    NumberAxis epochs = new NumberAxis("Epochs");
    epochs.setRange(epochRange(runs), true, false);
    if (epochs.getRange().getLength() > 2) {
      epochs.setStandardTickUnits(NumberAxis.createIntegerTickUnits());
    }
    NumberAxis values = new NumberAxis(valueLabel);
    values.setAutoRangeIncludesZero(valueLabel.startsWith("Learning"));
    values.setUpperMargin(0.06);
    values.setLowerMargin(0.06);
    if (valueLabel.startsWith("Learning")) {
      values.setNumberFormatOverride(new RateFormat());
    }
    XYPlot plot = new XYPlot(data, epochs, values, renderer);
    tokensPerEpoch(runs).ifPresent(tokens -> addTokenAxis(plot, epochs.getRange(), tokens));
    stylePlot(plot);
    LegendTitle legend = legend(plot);
    if (index > 0) {
      plot.addAnnotation(
          new XYTitleAnnotation(0.985, 0.97, legend, RectangleAnchor.TOP_RIGHT), false);
    }
    return chart(plot);
  }

  /** A plot with its surroundings. */
  static Chart chart(XYPlot plot) {
    JFreeChart chart = new JFreeChart(null, null, plot, false);
    chart.setBackgroundPaint(Color.WHITE);
    chart.setPadding(new RectangleInsets(14, 12, 12, 22));
    return new Chart(chart);
  }

  /** A colour of the palette. */
  static Color colour(int number) {
    return COLOURS.get(number % COLOURS.size());
  }

  /** Drawing needs no display; without this, AWT looks for one. */
  static void headless() {
    if (System.getProperty("java.awt.headless") == null) {
      System.setProperty("java.awt.headless", "true");
    }
  }

  /** Tells curves of the same name apart; its text is what the legend shows. */
  private record Key(int index, String name) implements Comparable<Key> {
    @Override
    public int compareTo(Key other) {
      return Integer.compare(index, other.index);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private static XYSeries series(Key key, Curve curve) {
    XYSeries series = new XYSeries(key, false, true);
    curve.thinned().forEach(p -> series.add(p.x(), p.y(), false));
    return series;
  }

  /** One run: a colour for each curve. Several: a colour for each run. */
  private static Paint colour(Curve curve, int runs) {
    int number = runs == 1 ? (curve.solid() ? 0 : 1) : curve.run();
    return COLOURS.get(number % COLOURS.size());
  }

  private static BasicStroke stroke(boolean solid) {
    return solid
        ? new BasicStroke(LINE, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND)
        : new BasicStroke(LINE, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1f, DASH_DOT, 0f);
  }

  /** From the first to the last step of the longest run, whatever the curves show of it. */
  private static Range epochRange(List<RunHistory> runs) {
    double last =
        runs.stream()
            .filter(run -> !run.steps().isEmpty())
            .mapToDouble(run -> run.epochsAfter(run.steps().getLast().step()))
            .max()
            .orElse(1);
    return new Range(0, last * 1.02);
  }

  private static OptionalDouble tokensPerEpoch(List<RunHistory> runs) {
    double[] distinct =
        runs.stream()
            .mapToDouble(RunHistory::tokensPerEpoch)
            .filter(Double::isFinite)
            .distinct()
            .toArray();
    return distinct.length == 1 ? OptionalDouble.of(distinct[0]) : OptionalDouble.empty();
  }

  private static void addTokenAxis(XYPlot plot, Range epochs, double tokensPerEpoch) {
    NumberAxis tokens = new NumberAxis("Tokens seen");
    tokens.setRange(epochs.getLowerBound(), epochs.getUpperBound() * tokensPerEpoch);
    tokens.setStandardTickUnits(tokenTicks());
    plot.setDomainAxis(1, tokens);
    plot.setDomainAxisLocation(1, AxisLocation.TOP_OR_LEFT);
  }

  /** 1, 2 and 5 times powers of ten, written as 20,000 or 2M. */
  private static TickUnits tokenTicks() {
    DecimalFormatSymbols symbols = DecimalFormatSymbols.getInstance(Locale.ROOT);
    TickUnits units = new TickUnits();
    for (int exponent = 0; exponent <= 15; exponent++) {
      double power = Math.pow(10, exponent);
      String pattern =
          exponent < 5
              ? "#,##0"
              : exponent < 8 ? "#,##0.##M" : exponent < 11 ? "#,##0.##B" : "#,##0.##T";
      double scale = exponent < 5 ? 1 : exponent < 8 ? 1e6 : exponent < 11 ? 1e9 : 1e12;
      for (int factor : new int[] {1, 2, 5}) {
        units.add(new ScaledTick(factor * power, new DecimalFormat(pattern, symbols), scale));
      }
    }
    return units;
  }

  /** A tick whose label shows a fraction of its value. */
  private static final class ScaledTick extends NumberTickUnit {
    private static final long serialVersionUID = 1L;
    private final double scale;

    ScaledTick(double size, DecimalFormat format, double scale) {
      super(size, format);
      this.scale = scale;
    }

    @Override
    public String valueToString(double value) {
      return value == 0 ? "0" : super.valueToString(value / scale);
    }
  }

  /** Writes 4e-4, and 0 without an exponent. */
  private static final class RateFormat extends DecimalFormat {
    private static final long serialVersionUID = 1L;

    RateFormat() {
      super("0.##E0", DecimalFormatSymbols.getInstance(Locale.ROOT));
      DecimalFormatSymbols symbols = getDecimalFormatSymbols();
      symbols.setExponentSeparator("e");
      setDecimalFormatSymbols(symbols);
    }

    @Override
    public StringBuffer format(double value, StringBuffer result, FieldPosition position) {
      return value == 0 ? result.append('0') : super.format(value, result, position);
    }
  }

  /** Colours and axes of a plot. */
  static void stylePlot(XYPlot plot) {
    plot.setBackgroundPaint(Color.WHITE);
    plot.setOutlineVisible(false);
    plot.setDomainGridlinePaint(GRID);
    plot.setRangeGridlinePaint(GRID);
    plot.setDomainGridlineStroke(new BasicStroke(1f));
    plot.setRangeGridlineStroke(new BasicStroke(1f));
    plot.setAxisOffset(RectangleInsets.ZERO_INSETS);
    for (int i = 0; i < plot.getDomainAxisCount(); i++) {
      styleAxis(plot.getDomainAxis(i));
    }
    styleAxis(plot.getRangeAxis());
  }

  private static void styleAxis(ValueAxis axis) {
    axis.setLabelFont(new Font(FONT, Font.PLAIN, 13));
    axis.setLabelPaint(INK);
    axis.setTickLabelFont(new Font(FONT, Font.PLAIN, 11));
    axis.setTickLabelPaint(MUTED);
    axis.setAxisLinePaint(AXIS);
    axis.setAxisLineStroke(new BasicStroke(1f));
    axis.setTickMarkPaint(AXIS);
    axis.setTickMarkOutsideLength(4f);
    axis.setLabelInsets(new RectangleInsets(6, 6, 6, 6));
  }

  private static LegendTitle legend(XYPlot plot) {
    LegendTitle legend = new LegendTitle(() -> plot.getRenderer().getLegendItems());
    legend.setItemFont(new Font(FONT, Font.PLAIN, 12));
    legend.setItemPaint(INK);
    legend.setBackgroundPaint(new Color(255, 255, 255, 230));
    legend.setFrame(new BlockBorder(GRID));
    legend.setPosition(RectangleEdge.RIGHT);
    legend.setItemLabelPadding(new RectangleInsets(3, 6, 3, 8));
    legend.setLegendItemGraphicPadding(new RectangleInsets(3, 8, 3, 0));
    return legend;
  }
}
