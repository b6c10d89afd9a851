package io.gptjava.train.plot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.GptException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.jfree.chart.annotations.XYTextAnnotation;
import org.jfree.chart.plot.XYPlot;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RooflinePlotTest {
  private static final double FLOPS = 4e11;
  private static final double BYTES = 4e10;

  @TempDir private Path folder;

  /** A machine with its ridge at 10 FLOP/byte, memory ops at shares of the slope, and products. */
  private static Roofline roofline(int moving, int products) {
    List<Roofline.Point> points = new ArrayList<>();
    for (int i = 0; i < moving; i++) {
      double share = (i + 1.0) / (moving + 1);
      points.add(new Roofline.Point("residualLayerNormBackward" + i, 0, 1e7, 1e7 / BYTES / share));
    }
    for (int i = 0; i < products; i++) {
      double seconds = 2e9 / FLOPS / (0.5 + 0.5 * i / products);
      points.add(new Roofline.Point("linearBackwardInput gelu " + i, 2e9, 1e7 + 1e5 * i, seconds));
    }
    return new Roofline("test", FLOPS, BYTES, points);
  }

  private static XYPlot plot(Roofline roofline) {
    return RooflinePlot.of(roofline).content().getXYPlot();
  }

  @Test
  void theRoofBendsAtTheRidgeAndPointsLieBelowIt() {
    XYPlot plot = plot(roofline(3, 2));
    var data = plot.getDataset();
    assertEquals(3, data.getSeriesCount());
    assertEquals(10, data.getXValue(0, 1), 1e-9);
    assertEquals(FLOPS, data.getYValue(0, 1), 1);
    assertEquals(FLOPS, data.getYValue(0, 2), 1);
    assertEquals(BYTES, data.getYValue(0, 0) / data.getXValue(0, 0), 1e-3 * BYTES);
    assertEquals(200, data.getXValue(1, 1), 1e-9, "FLOPs over bytes");
    assertEquals(0.5 * FLOPS, data.getYValue(1, 1), 1);
    for (int i = 0; i < 3; i++) {
      double attained = data.getYValue(2, i) / data.getXValue(2, i);
      assertEquals((i + 1) / 4.0, attained / BYTES, 1e-9, "distance below the slope is the share");
    }
  }

  @Test
  void everyOpHasALabelWithItsShareAndNoTwoOverlap() {
    XYPlot plot = plot(roofline(14, 19));
    Map<Double, List<Double>> columns = new TreeMap<>();
    List<String> texts = new ArrayList<>();
    for (Object annotation : plot.getAnnotations()) {
      if (annotation instanceof XYTextAnnotation text && text.getText().endsWith("%")) {
        texts.add(text.getText());
        columns.computeIfAbsent(text.getX(), _ -> new ArrayList<>()).add(Math.log10(text.getY()));
      }
    }
    assertEquals(33, texts.size());
    assertTrue(texts.contains("linearBackwardInput gelu 0 50 %"), texts.toString());
    assertEquals(2, columns.size());
    double height =
        Math.log10(plot.getRangeAxis().getUpperBound() / plot.getRangeAxis().getLowerBound());
    for (List<Double> heights : columns.values()) {
      // 380 points high, letters of 9 points.
      IntStream.range(1, heights.size())
          .forEach(
              i ->
                  assertTrue(
                      380 * (heights.get(i) - heights.get(i - 1)) / height > 12, "row " + i));
    }
  }

  @Test
  void picturesAreWrittenAndOtherEndingsRefused() throws Exception {
    Path png = folder.resolve("roof.png");
    RooflinePlot.of(roofline(14, 19)).write(png);
    assertEquals(1520, ImageIO.read(png.toFile()).getWidth());
    Path svg = folder.resolve("roof.svg");
    RooflinePlot.of(roofline(0, 1)).write(svg);
    assertTrue(Files.readString(svg).contains("linearBackwardInput gelu 0"));
    RooflinePlot.of(roofline(1, 0)).write(folder.resolve("memory.svg"));
    assertThrows(GptException.class, () -> RooflinePlot.check(Path.of("roof.gif")));
  }

  @Test
  void unitsAreThoseOfTheSystem() {
    assertEquals("2.50 T", UnitFormat.of(2.5e12));
    assertEquals("41.0 G", UnitFormat.of(4.1e10));
    assertEquals("100 G", UnitFormat.of(1e11));
    assertEquals("1 G", new UnitFormat().format(1e9));
    assertEquals("0.01", new UnitFormat().format(0.01));
  }
}
