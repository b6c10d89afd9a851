package io.gptjava.train.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.run.DurableFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * One or more runs as a page that is a single file: style, script, the chart library uPlot and the
 * numbers are all in it, and it loads nothing. Its content security policy lets only these scripts
 * run, and texts of a run reach the page as data only.
 */
public final class ReportPage {
  private static final Pattern SLOT = Pattern.compile("\\{\\{(\\w+)}}");
  private static final String LIBRARY = "org.webjars.npm/uplot";

  private final List<RunReport> runs;
  private final boolean live;

  private ReportPage(List<RunReport> runs, boolean live) {
    this.runs = List.copyOf(runs);
    this.live = live;
  }

  /** A page that keeps what it shows. */
  public static ReportPage of(List<RunReport> runs) {
    return new ReportPage(runs, false);
  }

  /** A page that asks its server for news, as {@link #data()} gives them. */
  public static ReportPage live(RunReport run) {
    return new ReportPage(List.of(run), true);
  }

  /**
   * Writes the page. An existing file is replaced only when the new one is complete.
   *
   * @throws GptException with {@link Failure#USAGE} if the file cannot be written, {@link
   *     Failure#CAPACITY} if the disk is full, or another if a file of a run is damaged
   */
  public void write(Path file) {
    byte[] content = html().getBytes(StandardCharsets.UTF_8);
    try {
      DurableFiles.replace(file, content);
    } catch (IOException e) {
      throw DurableFiles.cannotWrite(file, "choose another place for the page", e);
    }
  }

  /** What the page shows, as its script takes it. */
  public JsonNode data() {
    ObjectNode data = JsonNodeFactory.instance.objectNode();
    data.put("title", title());
    data.put("live", live);
    data.put("written", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    ArrayNode array = data.putArray("runs");
    runs.forEach(run -> array.add(run.toJson()));
    return data;
  }

  private String title() {
    return runs.stream().map(RunReport::name).collect(Collectors.joining(", "));
  }

  /** The page. */
  public String html() {
    String library = "META-INF/resources/webjars/uplot/%s/".formatted(libraryVersion());
    String style = resource(library + "dist/uPlot.min.css") + own("report.css");
    String chart = resource(library + "dist/uPlot.iife.min.js");
    String script = own("curves.js") + own("charts.js") + own("page.js");
    String policy =
        "default-src 'none'; script-src %s %s; style-src %s; img-src data:; connect-src %s; base-uri 'none'; form-action 'none'"
            .formatted(hash(chart), hash(script), hash(style), live ? "'self'" : "'none'");
    return fill(
        own("report.html"),
        Map.of(
            "policy", policy,
            "title", escaped(title()),
            "licence", resource(library + "LICENSE").strip(),
            "style", style,
            "data", json(data()),
            "chart", chart,
            "script", script));
  }

  private static String fill(String template, Map<String, String> values) {
    return SLOT.matcher(template)
        .replaceAll(slot -> Matcher.quoteReplacement(values.get(slot.group(1))));
  }

  /** JSON that can stand in a script element: nothing in it can end the element. */
  private static String json(JsonNode data) {
    return data.toString()
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029");
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }

  /** How a content security policy names a text that may stand in the page. */
  private static String hash(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return "'sha256-" + Base64.getEncoder().encodeToString(digest) + "'";
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java has it
    }
  }

  private static String libraryVersion() {
    Properties properties = new Properties();
    try (InputStream in = open("META-INF/maven/%s/pom.properties".formatted(LIBRARY))) {
      properties.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return properties.getProperty("version");
  }

  private static String own(String name) {
    return resource("io/gptjava/train/report/" + name);
  }

  private static String resource(String name) {
    try (InputStream in = open(name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static InputStream open(String name) {
    InputStream in = ReportPage.class.getClassLoader().getResourceAsStream(name);
    if (in == null) {
      throw new IllegalStateException(name + " is not on the class path");
    }
    return in;
  }
}
