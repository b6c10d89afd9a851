package io.gptjava.train.corpus;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DownloadTest {
  private final byte[] content = new byte[100_000];
  private final List<String> ranges = new ArrayList<>();

  @TempDir Path folder;

  private HttpServer server;
  private boolean honoursRanges = true;
  private int breakAfter = Integer.MAX_VALUE;

  @BeforeEach
  void start() throws IOException {
    new Random(1).nextBytes(content);
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/file", this::serve);
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private void serve(HttpExchange exchange) throws IOException {
    String range = exchange.getRequestHeaders().getFirst("Range");
    ranges.add(String.valueOf(range));
    int from = range != null && honoursRanges ? Integer.parseInt(range.replaceAll("\\D+", "")) : 0;
    if (from > 0) {
      exchange
          .getResponseHeaders()
          .set(
              "Content-Range",
              "bytes %d-%d/%d".formatted(from, content.length - 1, content.length));
    }
    exchange.sendResponseHeaders(from > 0 ? 206 : 200, content.length - from);
    int to = Math.min(content.length, breakAfter);
    exchange.getResponseBody().write(content, from, Math.max(0, to - from));
    exchange.close();
  }

  private Download download(String path) throws Exception {
    String hash = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    URI source = URI.create("http://localhost:" + server.getAddress().getPort() + path);
    return new Download(source, content.length, hash);
  }

  private static String fails(Download download, Path file) {
    GptException e = assertThrows(GptException.class, () -> download.to(file));
    assertEquals(Failure.DATA, e.failure());
    assertFalse(Files.exists(file));
    assertTrue(e.getMessage().lines().count() <= 3);
    return e.getMessage();
  }

  @Test
  void aBrokenFetchGoesOn() throws Exception {
    Path file = folder.resolve("file");
    breakAfter = 30_000;
    String message = fails(download("/file"), file);
    assertTrue(message.contains("the same command goes on there"), message);
    long have = Files.size(folder.resolve("file.part"));
    assertTrue(have > 0 && have <= 30_000, have + " bytes");
    breakAfter = Integer.MAX_VALUE;
    download("/file").to(file);
    assertArrayEquals(content, Files.readAllBytes(file));
    assertTrue(download("/file").matches(file));
    assertEquals(List.of("null", "bytes=" + have + "-"), ranges);
    assertFalse(Files.exists(folder.resolve("file.part")));
  }

  @Test
  void aServerThatKnowsNoRangesSendsAllAgain() throws Exception {
    Path file = folder.resolve("file");
    Files.write(folder.resolve("file.part"), new byte[500]);
    honoursRanges = false;
    download("/file").to(file);
    assertArrayEquals(content, Files.readAllBytes(file));
  }

  @Test
  void anotherContentIsNotKept() throws Exception {
    Path file = folder.resolve("file");
    byte[] wrong = Arrays.copyOf(content, 500);
    wrong[3]++;
    Files.write(folder.resolve("file.part"), wrong);
    assertTrue(fails(download("/file"), file).contains("SHA-256"));
    assertFalse(Files.exists(folder.resolve("file.part")));
    download("/file").to(file);
    assertTrue(download("/file").matches(file));
  }

  @Test
  void whatIsNotThereIsSaid() throws Exception {
    assertTrue(fails(download("/none"), folder.resolve("x")).contains("status 404"));
    Download offline = download("/file");
    server.stop(0);
    assertTrue(fails(offline, folder.resolve("x")).contains("without a network"));
  }

  @Test
  void pinnedHashesAreThoseOfTheTexts() throws IOException {
    String data = System.getenv("GPT_TEST_DATA");
    assumeTrue(data != null, "GPT_TEST_DATA names no folder with the trial texts");
    for (KnownText text : KnownText.values()) {
      assertTrue(text.download().matches(Path.of(data, text.id() + ".txt")), text.id());
    }
  }
}
