package io.gptjava.train.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.gptjava.train.TrainingEvent;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The page as a browser shows it. Profile browser; skipped where there is no Chromium. */
@Tag("browser")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ReportBrowserTest {
  private static final String HOSTILE =
      "</script><img src=x onerror='window.broken=1'> & <b>bold</b>";

  @TempDir Path folder;
  private Chromium browser;

  @BeforeAll
  void start(@TempDir Path profile) throws Exception {
    Optional<Path> found = Chromium.find();
    assumeTrue(found.isPresent(), "no Chromium on the path: the page is not looked at");
    browser = new Chromium(found.get(), profile);
  }

  @AfterAll
  void stop() {
    if (browser != null) {
      browser.close();
    }
  }

  private RunReport run(String name, int steps, double level) throws IOException {
    RunCurves curves = new RunCurves();
    curves.on(new TrainingEvent.Started(-1, 200, 50, 50, 1, 20_645_952, "CPU"));
    step(curves, 0, steps, level);
    Path run = Files.createDirectories(folder.resolve(name));
    Files.writeString(
        run.resolve("config.json"),
        "{\"lr\":{\"value\":%s,\"origin\":\"flag\"},\"seed\":{\"value\":1,\"origin\":\"default\"}}"
            .formatted(level));
    Files.writeString(
        run.resolve("memory.json"),
        "{\"total_bytes\":4194304,\"entries\":[{\"role\":\"gradients\",\"bytes\":4194304}]}");
    return new RunReport(run, curves);
  }

  private static void step(RunCurves curves, int from, int to, double level) {
    for (int i = from; i < to; i++) {
      double loss = level + 10 * Math.exp(-i / 40.0) + (i % 7) * 0.05;
      curves.on(
          new TrainingEvent.Step(
              i, 1 + i / 50, i % 50, loss, 1e-3, 1 + i % 3, false, 512L * (i + 1), 10, 51_200 + i));
      if (i % 20 == 0) {
        curves.on(new TrainingEvent.Evaluated(i, 1 + i / 50, loss, loss + 1, 512L * (i + 1), 1));
        curves.on(new TrainingEvent.Sampled(i, 1 + i / 50, HOSTILE + i));
      }
    }
  }

  private URI page(RunReport... runs) throws IOException {
    Path file = folder.resolve("page.html");
    ReportPage.of(List.of(runs)).write(file);
    return file.toUri();
  }

  private String text(String selector) throws Exception {
    return browser
        .evaluate("document.querySelector(\"%s\").textContent".formatted(selector))
        .asText();
  }

  private static long count(BufferedImage picture, int colour) {
    long count = 0;
    for (int y = 0; y < picture.getHeight(); y++) {
      for (int x = 0; x < picture.getWidth(); x++) {
        count += (picture.getRGB(x, y) & 0xFFFFFF) == colour ? 1 : 0;
      }
    }
    return count;
  }

  @ParameterizedTest
  @CsvSource({
    "1280, light, ffffff, 0072b2, c24e00",
    "1280, dark, 0f1419, 58b4f0, ff9e57",
    "400, light, ffffff, 0072b2, c24e00",
    "400, dark, 0f1419, 58b4f0, ff9e57"
  })
  void fitsEveryWindowInBothThemes(
      int width, String scheme, String ground, String training, String validation)
      throws Exception {
    browser.show(width, scheme);
    browser.open(page(run("run", 190, 0.5)));
    assertEquals(List.of(), browser.complaints());
    assertTrue(browser.evaluate("document.documentElement.scrollWidth").asInt() <= width);
    assertEquals(4, browser.evaluate("document.querySelectorAll('.plot canvas').length").asInt());
    BufferedImage picture = browser.picture();
    assertTrue(count(picture, Integer.parseInt(ground, 16)) > picture.getWidth() * 100L);
    assertTrue(count(picture, Integer.parseInt(training, 16)) > 300, "the training curve");
    assertTrue(count(picture, Integer.parseInt(validation, 16)) > 100, "the validation curve");
    String look =
        "[...document.querySelectorAll('.plot')].every((p) => p.ariaLabel.includes('last'))";
    assertTrue(browser.evaluate(look).asBoolean(), "each chart has its text");
  }

  @Test
  void curvesCanBeReadZoomedAndHidden() throws Exception {
    browser.show(1280, "light");
    browser.open(page(run("run", 190, 0.5)));
    JsonNode over =
        browser.evaluate(
            "(({x, y, width, height}) => ({x, y, width, height}))(document.querySelector('.u-over').getBoundingClientRect())");
    double y = over.path("y").asDouble() + over.path("height").asDouble() / 2;
    double x = over.path("x").asDouble();
    double width = over.path("width").asDouble();
    String first = ".u-legend .u-series .u-value";
    assertEquals("189", text(first), "with nothing pointed at, the newest");
    browser.point(x + width * 95 / 189, y);
    browser.await("document.querySelector('%s').textContent === '95'".formatted(first));
    browser.drag(x + width / 4, x + width / 2, y);
    String lasts = "Charts.panels.map((p) => Math.round(p.plot.scales.x.max)).join()";
    browser.await(lasts + " === '95,95,95,95'");
    browser.evaluate("document.querySelector('.plot').focus()");
    browser.press("0");
    browser.await(lasts + " === '189,189,189,189'");
    browser.press("Home");
    browser.await(
        "document.querySelector('.hidden[role=status]').textContent.startsWith('step 0: training 10.5')");
    browser.press("ArrowRight");
    browser.await(
        "document.querySelector('.hidden[role=status]').textContent.startsWith('step 1: ')");
    browser.press("+");
    browser.await("Charts.panels[1].plot.scales.x.max < 100");
    browser.press("0");

    browser.evaluate("document.querySelector('figure input').click()");
    browser.await("Charts.panels[0].plot.scales.y.distr === 3");
    browser.evaluate("document.querySelector('.u-legend .curve th').focus()");
    browser.press("Enter");
    browser.await(
        "document.querySelector('.u-legend .curve th').getAttribute('aria-pressed') === 'false'");
    assertFalse(browser.evaluate("Charts.panels[0].plot.series[1].show").asBoolean());
    browser.evaluate(
        "(() => { const s = document.getElementById('smoothing'); s.value = 0; s.dispatchEvent(new Event('input')); })()");
    assertEquals(3, browser.evaluate("Charts.panels[0].lines.length").asInt(), "no smoothed line");
    browser.evaluate(
        "(() => { const s = document.getElementById('axis'); s.value = 'tokens'; s.dispatchEvent(new Event('change')); })()");
    assertEquals(190 * 512, browser.evaluate("Charts.panels[0].plot.scales.x.max").asInt());
    browser.evaluate("document.querySelector('figure details').open = true");
    browser.await("document.querySelectorAll('figure details tbody tr').length === 50");
    assertEquals(List.of(), browser.complaints());
  }

  @Test
  void textsOfARunStayTexts() throws Exception {
    browser.open(page(run("<b>run", 190, 0.5)));
    assertEquals(HOSTILE + "180", text(".sample pre"));
    browser.evaluate(
        "(() => { const s = document.querySelector('.sample input'); s.value = 0; s.dispatchEvent(new Event('input')); })()");
    assertEquals(HOSTILE + "0", text(".sample pre"));
    assertEquals("<b>run", text("h1"));
    assertTrue(
        browser
            .evaluate("window.broken === undefined && !document.querySelector('main img, main b')")
            .asBoolean());
    assertEquals(List.of(), browser.complaints());
  }

  @Test
  void severalRunsLieOverOneAnother() throws Exception {
    browser.show(1280, "light");
    browser.open(page(run("one/a", 190, 0.5), run("two/a", 100, 2)));
    assertEquals("2 runs", text("h1"));
    assertTrue(
        text("main").contains("a (1), training") && text("main").contains("a (2), validation"));
    String shown =
        "[...document.querySelectorAll('tr.same, tr.different')].filter((r) => !r.hidden).length";
    assertEquals(1, browser.evaluate(shown).asInt(), "only what differs");
    browser.evaluate("document.querySelector('main > p input').click()");
    assertEquals(2, browser.evaluate(shown).asInt());
    assertEquals(List.of(), browser.complaints());
  }

  @Test
  void aLongRunIsASmallPage() throws Exception {
    RunReport run = run("run", 100_000, 0.5);
    URI page = page(run);
    assertTrue(Files.size(Path.of(page)) < 1_500_000, "" + Files.size(Path.of(page)));
    browser.open(page);
    assertEquals(List.of(), browser.complaints());
    assertTrue(
        browser.evaluate("Charts.panels[0].plot.bands.length").asInt() > 0, "lowest to highest");
  }

  @Test
  void aLivePageFollowsItsRun() throws Exception {
    RunReport run = run("run", 100, 0.5);
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
    server.createContext("/", exchange -> answer(exchange, run));
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.start();
    try {
      browser.open(URI.create("http://127.0.0.1:%d/".formatted(server.getAddress().getPort())));
      browser.await("document.getElementById('notice').textContent.startsWith('Live')");
      step(run.curves(), 100, 150, 0.5);
      browser.await(
          "document.querySelector('header + p + div').textContent.includes('Step 150 of 200')");
      browser.await("Charts.panels[0].plot.data[0].length === 150");
      run.curves().on(new TrainingEvent.Ended(149, "stopped", 1, 1));
      browser.await("document.getElementById('notice').textContent.startsWith('The run is over')");
      assertEquals("stopped", text(".status"));
      assertEquals(List.of(), browser.complaints());
    } finally {
      server.stop(0);
    }
  }

  private static void answer(HttpExchange exchange, RunReport run) throws IOException {
    ReportPage page = ReportPage.live(run);
    String query = exchange.getRequestURI().getQuery();
    String body;
    if (query == null) {
      exchange.getResponseHeaders().set("Content-Type", "text/html; charset=utf-8");
      body = page.html();
    } else {
      try {
        run.curves().awaitNewer(Long.parseLong(query.substring("after=".length())), 500);
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
      body = page.data().toString();
    }
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }
}
