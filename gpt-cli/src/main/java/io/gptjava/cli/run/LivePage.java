package io.gptjava.cli.run;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.report.ReportPage;
import io.gptjava.train.report.RunReport;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Serves the page of a run while it trains, on the loopback interface only, and only to requests
 * that name this machine as their host: a foreign page cannot reach it by a name of its own. Works
 * on threads of its own, none of which keeps the process alive; what goes wrong is told once and
 * never reaches the run.
 */
public final class LivePage implements AutoCloseable {
  private static final Pattern OWN_HOST =
      Pattern.compile("(?:localhost|127\\.0\\.0\\.1)(?::\\d+)?");
  private static final Pattern AFTER = Pattern.compile("after=(\\d{1,18})");
  private static final int LAST_PORT = 65_535;
  private static final long LONGEST_WAIT_MILLIS = 10_000;
  private static final long SHORTEST_WAIT_MILLIS = 1_000;

  private final Optional<HttpServer> server;
  private final PrintStream err;
  private final CountDownLatch closing = new CountDownLatch(1);
  private final AtomicBoolean complained = new AtomicBoolean();
  private volatile RunReport report;

  private LivePage(Optional<HttpServer> server, PrintStream err) {
    this.server = server;
    this.err = err;
  }

  /**
   * Opens the port.
   *
   * @param port of the page; 0 for no page at all
   * @param err where trouble is told
   * @throws GptException with {@link Failure#USAGE} if the port cannot be had
   */
  public static LivePage open(int port, PrintStream err) {
    if (port == 0) {
      return new LivePage(Optional.empty(), err);
    }
    if (port > LAST_PORT) {
      throw new GptException(
          Failure.USAGE,
          "--watch %d is not a port; use one from 1024 to %d, or 0 for no page"
              .formatted(port, LAST_PORT));
    }
    return onAnyPort(port, err);
  }

  /** The same, where 0 means a port that is free. */
  static LivePage onAnyPort(int port, PrintStream err) {
    HttpServer server = bind(port);
    LivePage page = new LivePage(Optional.of(server), err);
    server.createContext("/", page::answer);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    // Its own thread is a daemon if the one that starts it is.
    Thread starter = Thread.ofPlatform().daemon().name("live page").unstarted(server::start);
    starter.start();
    try {
      starter.join();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    return page;
  }

  private static HttpServer bind(int port) {
    try {
      InetAddress loopback = InetAddress.getByAddress("localhost", new byte[] {127, 0, 0, 1});
      return HttpServer.create(new InetSocketAddress(loopback, port), 0);
    } catch (BindException e) {
      throw new GptException(
          Failure.USAGE,
          "--watch %d: the port cannot be had (%s); choose another, such as --watch %d"
              .formatted(port, e.getMessage(), port < LAST_PORT && port >= 1024 ? port + 1 : 8080),
          e);
    } catch (IOException e) {
      throw new GptException(
          Failure.USAGE,
          "--watch %d cannot be served: %s; leave it out".formatted(port, e.getMessage()),
          e);
    }
  }

  /** From now on the page shows this run. */
  public void show(RunReport run) {
    report = run;
  }

  /** Where the page is; empty if there is none. */
  public Optional<String> address() {
    return server.map(s -> "http://127.0.0.1:%d/".formatted(s.getAddress().getPort()));
  }

  private void answer(HttpExchange exchange) {
    try (exchange) {
      respond(exchange);
    } catch (IOException _) {
      // whoever asked is gone
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      if (!complained.getAndSet(true)) {
        err.println("warning: the live page failed, the run goes on: " + e);
      }
    }
  }

  private void respond(HttpExchange exchange) throws IOException, InterruptedException {
    exchange.getRequestBody().close();
    String host = exchange.getRequestHeaders().getFirst("Host");
    String path = exchange.getRequestURI().getPath();
    RunReport run = report;
    if (host == null || !OWN_HOST.matcher(host).matches()) {
      send(exchange, 403, "text/plain", "This page is for http://127.0.0.1 only.\n");
    } else if (!exchange.getRequestMethod().equals("GET")) {
      exchange.getResponseHeaders().set("Allow", "GET");
      send(exchange, 405, "text/plain", "Only GET.\n");
    } else if (run == null) {
      exchange.getResponseHeaders().set("Refresh", "1");
      send(exchange, 503, "text/plain", "The run is being prepared.\n");
    } else if (path.equals("/")) {
      send(exchange, 200, "text/html", ReportPage.live(run).html());
    } else if (path.equals("/data")) {
      waitForNews(run, exchange.getRequestURI().getQuery());
      send(exchange, 200, "application/json", ReportPage.live(run).data().toString());
    } else {
      send(exchange, 404, "text/plain", "Nothing here.\n");
    }
  }

  /** Until there are some, but not for ever, nor so briefly that a browser asks all the time. */
  private void waitForNews(RunReport run, String query) throws InterruptedException {
    long begin = System.nanoTime();
    Matcher after = AFTER.matcher(query == null ? "" : query);
    if (after.matches()) {
      run.curves().awaitNewer(Long.parseLong(after.group(1)), LONGEST_WAIT_MILLIS);
    }
    long spent = (System.nanoTime() - begin) / 1_000_000;
    closing.await(Math.max(0, SHORTEST_WAIT_MILLIS - spent), TimeUnit.MILLISECONDS);
  }

  private static void send(HttpExchange exchange, int code, String type, String text)
      throws IOException {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    var headers = exchange.getResponseHeaders();
    headers.set("Content-Type", type + "; charset=utf-8");
    headers.set("Cache-Control", "no-store");
    headers.set("X-Content-Type-Options", "nosniff");
    headers.set("X-Frame-Options", "DENY");
    headers.set("Cross-Origin-Resource-Policy", "same-origin");
    headers.set("Referrer-Policy", "no-referrer");
    exchange.sendResponseHeaders(code, body.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(body);
    }
  }

  /** Answers those who wait for news, and closes the port. */
  @Override
  public void close() {
    closing.countDown();
    server.ifPresent(s -> s.stop(1));
  }
}
