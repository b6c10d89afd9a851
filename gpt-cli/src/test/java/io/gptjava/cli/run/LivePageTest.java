package io.gptjava.cli.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.report.RunCurves;
import io.gptjava.train.report.RunReport;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LivePageTest {
  @TempDir private Path folder;
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final RunCurves curves = new RunCurves();
  private LivePage page;
  private URI address;

  @BeforeEach
  void open() {
    page = LivePage.onAnyPort(0, new PrintStream(err, true, StandardCharsets.UTF_8));
    address = URI.create(page.address().orElseThrow());
  }

  @AfterEach
  void close() {
    page.close();
    assertEquals("", err.toString(StandardCharsets.UTF_8));
  }

  private static TrainingEvent.Step step(long step) {
    return new TrainingEvent.Step(step, 1, step, 3.5, 1e-3, 1, false, 8, 10, 800);
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(address.resolve(path));
  }

  private HttpResponse<String> get(String path) throws Exception {
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(request(path).build(), HttpResponse.BodyHandlers.ofString());
    }
  }

  /** The first line of the answer to a request with these headers. */
  private String answerTo(String request) throws IOException {
    try (Socket socket = new Socket(InetAddress.getByName("127.0.0.1"), address.getPort())) {
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      byte[] answer = socket.getInputStream().readNBytes(12);
      return new String(answer, StandardCharsets.US_ASCII);
    }
  }

  @Test
  void servesThePageAndItsNews() throws Exception {
    assertEquals(503, get("/").statusCode());
    page.show(new RunReport(folder, curves));
    HttpResponse<String> whole = get("/");
    assertEquals(200, whole.statusCode());
    assertEquals("text/html; charset=utf-8", whole.headers().firstValue("Content-Type").orElse(""));
    assertEquals("no-store", whole.headers().firstValue("Cache-Control").orElse(""));
    assertTrue(whole.body().contains("\"live\":true"));
    assertEquals(404, get("/config.json").statusCode());
    assertEquals(404, get("/../metrics.jsonl").statusCode());

    curves.on(step(0));
    JsonNode data = new ObjectMapper().readTree(get("/data?after=0").body());
    assertEquals(1, data.at("/runs/0/steps").asInt());
    assertEquals("[3.5]", data.at("/runs/0/curves/loss/mean").toString());
    page.close();
    assertThrows(IOException.class, () -> answerTo("GET / HTTP/1.1\r\n\r\n"));
  }

  /** A page on the internet whose name leads to 127.0.0.1 may not read this one. */
  @Test
  void refusesForeignHostsAndMethods() throws IOException {
    page.show(new RunReport(folder, curves));
    for (String own : new String[] {"127.0.0.1:" + address.getPort(), "localhost", "localhost:1"}) {
      assertEquals(
          "HTTP/1.1 200", answerTo("GET / HTTP/1.1\r\nHost: %s\r\n\r\n".formatted(own)), own);
    }
    for (String foreign :
        new String[] {"evil.example", "127.0.0.1.evil.example", "localhost.x", ""}) {
      assertEquals(
          "HTTP/1.1 403",
          answerTo("GET / HTTP/1.1\r\nHost: %s\r\n\r\n".formatted(foreign)),
          foreign);
    }
    assertEquals("HTTP/1.1 403", answerTo("GET / HTTP/1.0\r\n\r\n"));
    assertEquals("HTTP/1.1 405", answerTo("PUT / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  }

  @Test
  void onlyTheLoopbackInterfaceAnswers() throws IOException {
    for (NetworkInterface network : NetworkInterface.networkInterfaces().toList()) {
      for (InetAddress other :
          network.inetAddresses().filter(a -> !a.isLoopbackAddress()).toList()) {
        assertThrows(IOException.class, () -> new Socket(other, address.getPort()).close());
      }
    }
  }

  @Test
  void aPortThatCannotBeHadIsAUsageError() throws IOException {
    PrintStream quiet = new PrintStream(err);
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      int port = taken.getLocalPort();
      GptException e = assertThrows(GptException.class, () -> LivePage.open(port, quiet));
      assertEquals(Failure.USAGE, e.failure());
      assertTrue(e.getMessage().startsWith("--watch " + port), e.getMessage());
      assertTrue(e.getMessage().contains("choose another, such as --watch"), e.getMessage());
    }
    GptException e = assertThrows(GptException.class, () -> LivePage.open(70_000, quiet));
    assertEquals(Failure.USAGE, e.failure());
    try (LivePage none = LivePage.open(0, quiet)) {
      none.show(new RunReport(folder, curves));
      assertTrue(none.address().isEmpty());
    }
  }

  @Test
  void whatGoesWrongIsToldOnceAndTheServerGoesOn() throws Exception {
    page.show(new RunReport(folder, curves));
    Files.writeString(folder.resolve("config.json"), "{");
    for (int i = 0; i < 2; i++) {
      assertThrows(IOException.class, () -> get("/"));
    }
    assertEquals(1, err.toString(StandardCharsets.UTF_8).lines().count());
    assertTrue(err.toString(StandardCharsets.UTF_8).startsWith("warning: the live page failed"));
    Files.delete(folder.resolve("config.json"));
    assertEquals(200, get("/").statusCode());
    assertFalse(
        Thread.getAllStackTraces().keySet().stream()
            .anyMatch(t -> t.getName().contains("HTTP") && !t.isDaemon()),
        "it would keep the process");
    err.reset();
  }
}
