package io.gptjava.train.plot;

import de.rototor.pdfbox.graphics2d.PdfBoxGraphics2D;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.run.DurableFiles;
import java.awt.Dimension;
import java.awt.geom.Rectangle2D;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.apache.batik.svggen.SVGGeneratorContext;
import org.apache.batik.svggen.SVGGraphics2D;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.PDPage;
import org.apache.pdfbox.pdmodel.PDPageContentStream;
import org.apache.pdfbox.pdmodel.common.PDRectangle;
import org.jfree.chart.ChartUtils;
import org.jfree.chart.JFreeChart;
import org.w3c.dom.Document;

/** A finished chart, to be written as a picture. */
public final class Chart {
  /** Size on a page, in points; pixels of a PNG are twice as many. */
  private static final int WIDTH = 760;

  private static final int HEIGHT = 480;
  private static final int PNG_SCALE = 2;

  private final JFreeChart chart;

  /** File formats of a picture; the file's name ends in the format's. */
  public enum Format {
    /** Vector graphics for browsers. */
    SVG,
    /** Pixels, at twice the size. */
    PNG,
    /** Vector graphics for print. */
    PDF;

    /** The format that a file's name asks for. */
    static Format of(Path file) {
      String name = file.getFileName().toString();
      String ending = name.substring(name.lastIndexOf('.') + 1).toUpperCase(Locale.ROOT);
      for (Format format : values()) {
        if (format.name().equals(ending)) {
          return format;
        }
      }
      throw new GptException(
          Failure.USAGE,
          "Cannot write a chart to %s: its name must end in one of %s (gpt plot also writes .html)"
              .formatted(
                  file,
                  Arrays.stream(values())
                      .map(f -> "." + f.name().toLowerCase(Locale.ROOT))
                      .collect(Collectors.joining(", "))));
    }
  }

  Chart(JFreeChart chart) {
    this.chart = chart;
  }

  /** The chart itself, for tests of its content. */
  JFreeChart content() {
    return chart;
  }

  /**
   * Writes a picture in the format that the file's name ends in. An existing file is replaced only
   * when the new one is complete.
   *
   * @throws GptException with {@link Failure#USAGE} for another ending or a file that cannot be
   *     written, {@link Failure#CAPACITY} if the disk is full
   */
  public void write(Path file) {
    Format format = Format.of(file);
    try {
      byte[] content =
          switch (format) {
            case SVG -> svg().getBytes(StandardCharsets.UTF_8);
            case PNG -> png();
            case PDF -> pdf();
          };
      Path temporary = file.resolveSibling(".tmp-" + file.getFileName());
      try {
        Files.write(temporary, content);
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (IOException e) {
      throw DurableFiles.cannotWrite(file, "choose another place for the chart", e);
    }
  }

  private static Rectangle2D area() {
    return new Rectangle2D.Double(0, 0, WIDTH, HEIGHT);
  }

  private String svg() throws IOException {
    Document document = emptySvg();
    SVGGeneratorContext context = SVGGeneratorContext.createDefault(document);
    context.setComment("gpt-java");
    context.setPrecision(3);
    SVGGraphics2D graphics = new SVGGraphics2D(context, false);
    graphics.setSVGCanvasSize(new Dimension(WIDTH, HEIGHT));
    chart.draw(graphics, area());
    StringWriter text = new StringWriter();
    graphics.stream(text, true);
    // Without the document type, which readers would look up on the network.
    String picture = text.toString();
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        + picture
            .substring(picture.indexOf("<svg "))
            .replaceFirst("<svg ", "<svg viewBox=\"0 0 %d %d\" ".formatted(WIDTH, HEIGHT));
  }

  private static Document emptySvg() {
    try {
      return DocumentBuilderFactory.newDefaultNSInstance()
          .newDocumentBuilder()
          .getDOMImplementation()
          .createDocument("http://www.w3.org/2000/svg", "svg", null);
    } catch (ParserConfigurationException e) {
      throw new IllegalStateException(e); // the platform's own parser, unconfigured
    }
  }

  private byte[] png() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ChartUtils.writeScaledChartAsPNG(bytes, chart, WIDTH, HEIGHT, PNG_SCALE, PNG_SCALE);
    return bytes.toByteArray();
  }

  private byte[] pdf() throws IOException {
    try (PDDocument document = new PDDocument();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream()) {
      PDPage page = new PDPage(new PDRectangle(WIDTH, HEIGHT));
      document.addPage(page);
      PdfBoxGraphics2D graphics = new PdfBoxGraphics2D(document, WIDTH, HEIGHT);
      chart.draw(graphics, area());
      graphics.dispose();
      try (PDPageContentStream content = new PDPageContentStream(document, page)) {
        content.drawForm(graphics.getXFormObject());
      }
      document.save(bytes);
      return bytes.toByteArray();
    }
  }
}
