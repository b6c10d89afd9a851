package io.gptjava.train.plot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.run.RunHistory;
import java.awt.BasicStroke;
import java.awt.image.BufferedImage;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.pdfbox.Loader;
import org.jfree.chart.axis.ValueAxis;
import org.jfree.chart.plot.XYPlot;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LossPlotTest {
  @TempDir Path folder;

  /** Ten epochs of nine steps of 512 tokens, evaluated every fifth step. */
  private static RunHistory textbook(String name, boolean evaluated, double shift) {
    List<TrainingEvent> events = new ArrayList<>();
    events.add(new TrainingEvent.Started(-1, 90, 9, 9, 1, 162_419_712, "test"));
    for (int step = 0; step < 90; step++) {
      int epoch = step / 9 + 1;
      double loss = 0.5 + shift + 10.3 * Math.exp(-step / 22.0);
      long tokens = 512L * (step + 1);
      double rate = 4e-4 * (1 + Math.cos(Math.PI * step / 90)) / 2;
      events.add(
          new TrainingEvent.Step(step, epoch, step % 9, loss, rate, 1, false, tokens, 1000, 512));
      if (evaluated && step % 5 == 0) {
        double validation = 6.2 + 4.6 * Math.exp(-step / 12.0) + shift;
        events.add(new TrainingEvent.Evaluated(step, epoch, loss, validation, tokens, 100));
      }
    }
    return RunHistory.of(name, events);
  }

  private static XYPlot plot(Chart chart) {
    return chart.content().getXYPlot();
  }

  @Test
  void showsTrainingSolidAndValidationDashDottedOverWholeEpochs() {
    XYPlot plot = plot(LossPlot.losses(List.of(textbook("run", true, 0))));
    assertEquals(2, plot.getDataset().getSeriesCount());
    assertEquals("Training loss", plot.getDataset().getSeriesKey(0).toString());
    assertEquals("Validation loss", plot.getDataset().getSeriesKey(1).toString());
    assertEquals(18, plot.getDataset().getItemCount(1));
    assertEquals(1 / 9.0, plot.getDataset().getXValue(0, 0), 1e-12);
    assertEquals(86 / 9.0, plot.getDataset().getXValue(1, 17), 1e-12);
    assertEquals(10.8, plot.getDataset().getYValue(1, 0), 1e-12);
    assertNull(((BasicStroke) plot.getRenderer().getSeriesStroke(0)).getDashArray());
    assertEquals(4, ((BasicStroke) plot.getRenderer().getSeriesStroke(1)).getDashArray().length);
    ValueAxis epochs = plot.getDomainAxis(0);
    assertEquals("Epochs", epochs.getLabel());
    ValueAxis tokens = plot.getDomainAxis(1);
    assertEquals("Tokens seen", tokens.getLabel());
    assertEquals(4608 * epochs.getRange().getUpperBound(), tokens.getRange().getUpperBound(), 1e-6);
    assertEquals(1, plot.getAnnotations().size(), "the legend lies inside the plot");
  }

  @Test
  void aRunWithoutEvaluationsShowsItsSteps() {
    XYPlot plot = plot(LossPlot.losses(List.of(textbook("run", false, 0))));
    assertEquals(1, plot.getDataset().getSeriesCount());
    assertEquals(90, plot.getDataset().getItemCount(0));
    assertEquals(10, plot.getDataset().getXValue(0, 89), 1e-12);
  }

  @Test
  void learningRatesOfEachStep() {
    XYPlot plot = plot(LossPlot.learningRates(List.of(textbook("run", true, 0))));
    assertEquals(90, plot.getDataset().getItemCount(0));
    assertEquals(4e-4, plot.getDataset().getYValue(0, 0));
  }

  @Test
  void manyStepsAreThinnedToTheirExtremes() {
    Curve curve = new Curve("c", 0, true, new ArrayList<>());
    for (int i = 0; i < 100_000; i++) {
      curve.add(i, i == 77_777 ? 50 : i == 33_333 ? -50 : Math.sin(i));
    }
    List<Curve.Point> thinned = curve.thinned();
    assertTrue(thinned.size() <= 3000, "" + thinned.size());
    assertTrue(thinned.contains(new Curve.Point(77_777, 50)));
    assertTrue(thinned.contains(new Curve.Point(33_333, -50)));
    for (int i = 1; i < thinned.size(); i++) {
      assertTrue(thinned.get(i).x() > thinned.get(i - 1).x());
    }
  }

  @Test
  void severalRunsOfTheSameNameShareAChart() {
    XYPlot plot = plot(LossPlot.losses(List.of(textbook("a", true, 0), textbook("a", true, 0.5))));
    assertEquals(4, plot.getDataset().getSeriesCount());
    assertEquals(
        plot.getRenderer().getSeriesPaint(2), plot.getRenderer().getSeriesPaint(3), "one run");
    assertFalse(plot.getRenderer().getSeriesPaint(0).equals(plot.getRenderer().getSeriesPaint(2)));
  }

  @Test
  void runsOfOneStepOrNoneStillMakeACharts() {
    RunHistory empty = RunHistory.of("empty", List.of());
    assertEquals(Optional.empty(), LossPlot.write(empty, folder));
    RunHistory nan =
        RunHistory.of(
            "nan",
            List.of(
                new TrainingEvent.Started(-1, 1, 1, 1, 0, 1, "test"),
                new TrainingEvent.Step(0, 1, 0, Double.NaN, 1e-3, Double.NaN, true, 512, 1, 1)));
    assertEquals(Optional.empty(), LossPlot.write(nan, folder));
  }

  @Test
  void writesFilesThatOtherProgramsCanRead() throws Exception {
    assertEquals(Optional.empty(), LossPlot.write(textbook("run", true, 0), folder));
    for (String name : List.of("loss", "learning-rate")) {
      BufferedImage image = ImageIO.read(folder.resolve(name + ".png").toFile());
      assertEquals(1520, image.getWidth());
      assertEquals(960, image.getHeight());
      var svg =
          DocumentBuilderFactory.newDefaultNSInstance()
              .newDocumentBuilder()
              .parse(Files.newInputStream(folder.resolve(name + ".svg")));
      assertEquals("svg", svg.getDocumentElement().getLocalName());
      assertEquals("0 0 760 480", svg.getDocumentElement().getAttribute("viewBox"));
      assertTrue(svg.getDocumentElement().getTextContent().contains("Tokens seen"));
      try (var pdf = Loader.loadPDF(folder.resolve(name + ".pdf").toFile())) {
        assertEquals(1, pdf.getNumberOfPages());
      }
    }
    // Both curves are there: pixels in either colour.
    BufferedImage image = ImageIO.read(folder.resolve("loss.png").toFile());
    assertTrue(count(image, 0xFF0072B2) > 1000);
    assertTrue(count(image, 0xFFD55E00) > 1000);
    try (var files = Files.list(folder)) {
      assertTrue(files.noneMatch(f -> f.getFileName().toString().startsWith(".tmp")));
    }
  }

  private static long count(BufferedImage image, int colour) {
    long count = 0;
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        count += (image.getRGB(x, y) | 0xFF000000) == colour ? 1 : 0;
      }
    }
    return count;
  }

  @Test
  void svgIsTheSameEachTime() throws Exception {
    LossPlot.losses(List.of(textbook("run", true, 0))).write(folder.resolve("a.svg"));
    LossPlot.losses(List.of(textbook("run", true, 0))).write(folder.resolve("b.svg"));
    assertEquals(
        Files.readString(folder.resolve("a.svg"), StandardCharsets.UTF_8),
        Files.readString(folder.resolve("b.svg"), StandardCharsets.UTF_8));
  }

  @Test
  void aChartThatCannotBeWrittenIsAWarning() {
    Optional<String> warning = LossPlot.write(textbook("run", true, 0), folder.resolve("missing"));
    assertTrue(warning.orElseThrow().contains("loss.svg"), warning.get());
    assertTrue(warning.get().contains("no such file or directory"), warning.get());
    assertFalse(warning.get().contains(".tmp") || warning.get().contains("fonts"), warning.get());
    GptException e =
        assertThrows(
            GptException.class, () -> LossPlot.losses(List.of()).write(folder.resolve("loss.gif")));
    assertEquals(Failure.USAGE, e.failure());
    assertTrue(e.getMessage().contains(".svg, .png, .pdf"), e.getMessage());
  }
}
