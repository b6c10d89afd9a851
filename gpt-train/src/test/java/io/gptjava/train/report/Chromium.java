package io.gptjava.train.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.awt.image.BufferedImage;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.imageio.ImageIO;

/** A headless Chromium, driven through the DevTools protocol. */
final class Chromium implements AutoCloseable {
  private static final List<String> NAMES =
      List.of("chromium", "chromium-browser", "google-chrome-stable", "google-chrome");
  private static final Pattern LISTENING = Pattern.compile("DevTools listening on ws://([^/]+)/");
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Process process;
  private final HttpClient client = HttpClient.newHttpClient();
  private final WebSocket socket;
  private final Map<Integer, CompletableFuture<JsonNode>> waiting = new ConcurrentHashMap<>();
  private final List<String> complaints = new CopyOnWriteArrayList<>();
  private int calls;

  /** The browser on the path, if there is one. */
  static Optional<Path> find() {
    return Stream.of(System.getenv("PATH").split(File.pathSeparator))
        .flatMap(folder -> NAMES.stream().map(name -> Path.of(folder, name)))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /**
   * Starts it.
   *
   * @param profile an empty folder
   */
  Chromium(Path browser, Path profile) throws Exception {
    process =
        new ProcessBuilder(
                browser.toString(),
                "--headless=new",
                "--no-sandbox", // containers have no user namespaces
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--remote-debugging-port=0",
                "--user-data-dir=" + profile,
                "about:blank")
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    String address = address(process.errorReader());
    HttpRequest targets = HttpRequest.newBuilder(URI.create("http://" + address + "/json")).build();
    JsonNode pages =
        JSON.readTree(client.send(targets, HttpResponse.BodyHandlers.ofString()).body());
    String page = "";
    for (JsonNode target : pages) {
      page =
          target.path("type").asText().equals("page")
              ? target.path("webSocketDebuggerUrl").asText()
              : page;
    }
    socket = client.newWebSocketBuilder().buildAsync(URI.create(page), new Answers()).join();
    for (String domain : List.of("Page", "Runtime", "Log")) {
      call(domain + ".enable", "{}");
    }
  }

  private static String address(BufferedReader lines) throws IOException {
    StringBuilder seen = new StringBuilder();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Matcher listening = LISTENING.matcher(line);
      if (listening.find()) {
        Thread.ofVirtual().start(() -> drain(lines)); // so that it never blocks
        return listening.group(1);
      }
      seen.append(line).append('\n');
    }
    throw new IOException("Chromium did not start:\n" + seen);
  }

  private static void drain(BufferedReader lines) {
    try {
      while (lines.readLine() != null) {}
    } catch (IOException _) {
      // it has ended
    }
  }

  private final class Answers implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();

    @Override
    public CompletionStage<?> onText(WebSocket from, CharSequence part, boolean last) {
      text.append(part);
      if (last) {
        try {
          received(JSON.readTree(text.toString()));
        } catch (IOException e) {
          complaints.add(e.toString());
        }
        text.setLength(0);
      }
      from.request(1);
      return null;
    }
  }

  private void received(JsonNode message) {
    String method = message.path("method").asText();
    if (message.has("id")) {
      waiting.remove(message.path("id").asInt()).complete(message);
    } else if (method.equals("Runtime.exceptionThrown") || method.equals("Log.entryAdded")) {
      complaints.add(message.path("params").toString());
    }
  }

  private JsonNode call(String method, String parameters) throws Exception {
    int id = ++calls;
    CompletableFuture<JsonNode> answer = new CompletableFuture<>();
    waiting.put(id, answer);
    ObjectNode message = JSON.createObjectNode().put("id", id).put("method", method);
    message.set("params", JSON.readTree(parameters));
    socket.sendText(message.toString(), true).join();
    JsonNode result = answer.get(60, TimeUnit.SECONDS);
    if (result.has("error")) {
      throw new IllegalStateException(method + ": " + result.get("error"));
    }
    return result.path("result");
  }

  /** Sets the width of the window and the reader's colour scheme, light or dark. */
  void show(int width, String scheme) throws Exception {
    call(
        "Emulation.setDeviceMetricsOverride",
        "{\"width\":%d,\"height\":900,\"deviceScaleFactor\":1,\"mobile\":%b}"
            .formatted(width, width < 600));
    call(
        "Emulation.setEmulatedMedia",
        "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"%s\"}]}".formatted(scheme));
  }

  /** Opens a page and waits until its script says that it is ready. */
  void open(URI page) throws Exception {
    complaints.clear();
    call("Page.navigate", "{\"url\":\"%s\"}".formatted(page));
    await(
        "location.href === '%s' && document.documentElement.dataset.ready === 'true'"
            .formatted(page));
  }

  /** Waits until an expression is true; while a page is being replaced it may have no value. */
  void await(String condition) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!isTrue(condition)) {
      if (System.nanoTime() > end) {
        throw new AssertionError("never true: " + condition + "; complaints: " + complaints);
      }
      Thread.sleep(20);
    }
  }

  private boolean isTrue(String condition) throws Exception {
    try {
      return evaluate(condition).asBoolean();
    } catch (IllegalStateException _) {
      return false;
    }
  }

  /** The value of an expression. */
  JsonNode evaluate(String script) throws Exception {
    String parameters =
        JSON.createObjectNode()
            .put("expression", script)
            .put("awaitPromise", true)
            .put("returnByValue", true)
            .toString();
    JsonNode result = call("Runtime.evaluate", parameters);
    if (result.has("exceptionDetails")) {
      throw new IllegalStateException(script + ": " + result.get("exceptionDetails"));
    }
    return result.path("result").path("value");
  }

  /** Presses, moves and lets go, at places of the window. */
  void drag(double fromX, double toX, double y) throws Exception {
    mouse("mouseMoved", fromX, y);
    mouse("mousePressed", fromX, y);
    mouse("mouseMoved", toX, y);
    mouse("mouseReleased", toX, y);
  }

  void point(double x, double y) throws Exception {
    mouse("mouseMoved", x, y);
  }

  private void mouse(String type, double x, double y) throws Exception {
    int held = type.equals("mouseMoved") ? 0 : 1;
    call(
        "Input.dispatchMouseEvent",
        "{\"type\":\"%s\",\"x\":%s,\"y\":%s,\"button\":\"left\",\"clickCount\":%d}"
            .formatted(type, x, y, held));
  }

  /** Presses a key by its name, such as ArrowLeft. */
  void press(String key) throws Exception {
    String text = key.length() == 1 ? ",\"text\":\"%s\"".formatted(key) : "";
    for (String type : List.of("keyDown", "keyUp")) {
      call(
          "Input.dispatchKeyEvent",
          "{\"type\":\"%s\",\"key\":\"%s\"%s}".formatted(type, key, text));
    }
  }

  /** The whole page. */
  BufferedImage picture() throws Exception {
    JsonNode shot =
        call("Page.captureScreenshot", "{\"format\":\"png\",\"captureBeyondViewport\":true}");
    return ImageIO.read(
        new ByteArrayInputStream(Base64.getDecoder().decode(shot.path("data").asText())));
  }

  /** Exceptions and errors that the page has caused since it was opened. */
  List<String> complaints() {
    return List.copyOf(complaints);
  }

  @Override
  public void close() {
    socket.abort();
    client.shutdownNow();
    process.descendants().forEach(ProcessHandle::destroy);
    process.destroy();
    process.onExit().orTimeout(10, TimeUnit.SECONDS).join(); // its profile is deleted next
  }
}
