package io.gptjava.train.corpus;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;

/**
 * A file on the network whose content is known.
 *
 * @param source http or https
 * @param bytes its size
 * @param sha256 its hash, 64 hexadecimal digits
 */
public record Download(URI source, long bytes, String sha256) {
  private static final int OK = 200;
  private static final int PARTIAL = 206;
  private static final int BUFFER = 1 << 16;
  private static final Duration TIMEOUT = Duration.ofSeconds(30);

  /** Whether a file is what it should be. */
  public boolean matches(Path file) throws IOException {
    return Files.isRegularFile(file) && Files.size(file) == bytes && hash(file).equals(sha256);
  }

  /**
   * Fetches the file. What an earlier call fetched of it, in {@code FILE.part}, is not fetched
   * again; nothing of another content gets the file's name.
   *
   * @throws GptException with {@link Failure#DATA} if the network or the server fails, or the
   *     content is another
   */
  public void to(Path file) {
    Path part = file.resolveSibling(file.getFileName() + ".part");
    try {
      if (Files.exists(part) && Files.size(part) > bytes) {
        Files.delete(part);
      }
      if (!Files.exists(part) || Files.size(part) < bytes) {
        fetch(part);
      }
      String actual = hash(part);
      if (Files.size(part) != bytes || !actual.equals(sha256)) {
        long size = Files.size(part);
        Files.delete(part);
        throw new GptException(
            Failure.DATA,
            "%s gave %,d bytes of SHA-256 %s, not %,d of %s\nnothing was kept; try again, or get the file in another way"
                .formatted(source, size, actual, bytes, sha256));
      }
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new GptException(
          Failure.DATA,
          "cannot write %s: %s; give another --out".formatted(file, e.getMessage()),
          e);
    }
  }

  private void fetch(Path part) throws IOException {
    long have = Files.exists(part) ? Files.size(part) : 0;
    HttpRequest.Builder request = HttpRequest.newBuilder(source).timeout(TIMEOUT);
    if (have > 0) {
      request.header("Range", "bytes=" + have + "-");
    }
    try (HttpClient client =
        HttpClient.newBuilder()
            .connectTimeout(TIMEOUT)
            .followRedirects(HttpClient.Redirect.NORMAL)
            .build()) {
      HttpResponse<InputStream> response =
          client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
      try (InputStream body = response.body()) {
        int status = response.statusCode();
        if (status != OK && status != PARTIAL) {
          throw unreachable("the server answers with status " + status, null);
        }
        String range = response.headers().firstValue("Content-Range").orElse("");
        if (status == PARTIAL && !range.startsWith("bytes " + have + "-")) {
          throw unreachable("the server sends another part: " + range, null);
        }
        save(body, part, status == PARTIAL ? have : 0);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw unreachable("interrupted", e);
    } catch (HttpTimeoutException e) {
      throw unreachable("no answer in " + TIMEOUT.toSeconds() + " s", e);
    } catch (IOException e) {
      throw unreachable(reason(e), e);
    }
  }

  /** Java's own messages are often none. */
  private static String reason(IOException e) {
    String message = e.getMessage();
    for (Throwable cause = e; cause != null && message == null; cause = cause.getCause()) {
      message = cause.getMessage();
    }
    return message == null ? "no connection" : message;
  }

  private void save(InputStream body, Path part, long have) throws IOException {
    byte[] buffer = new byte[BUFFER];
    long size = have;
    try (OutputStream out =
        Files.newOutputStream(
            part,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            have > 0 ? StandardOpenOption.APPEND : StandardOpenOption.TRUNCATE_EXISTING)) {
      for (int read; size <= bytes && (read = body.read(buffer)) >= 0; size += read) {
        out.write(buffer, 0, read);
      }
    }
  }

  private GptException unreachable(String reason, Exception cause) {
    return new GptException(
        Failure.DATA,
        "cannot fetch %s: %s\nthe same command goes on there; without a network, bring the file yourself and give it to --data"
            .formatted(source, reason),
        cause);
  }

  private static String hash(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      byte[] buffer = new byte[BUFFER];
      for (int read; (read = in.read(buffer)) >= 0; ) {
        digest.update(buffer, 0, read);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java has it
    }
  }
}
