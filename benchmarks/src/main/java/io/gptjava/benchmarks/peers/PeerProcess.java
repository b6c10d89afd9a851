package io.gptjava.benchmarks.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A running peer, seen from the comparison: the other side of {@link PeerServer}. */
final class PeerProcess implements AutoCloseable {
  private static final int LINES_OF_A_FAILURE = 3;
  private static final String INTERRUPTED = "interrupted";

  private final String name;
  private final Path errors;
  private final long limitSeconds;
  private final Process process;
  private final BufferedReader answers;
  private final PrintStream questions;
  private final JsonNode about;

  /** A peer that did not answer, in words for people. */
  static final class Failed extends Exception {
    private static final long serialVersionUID = 1;

    Failed(String message) {
      super(message);
    }
  }

  /**
   * Steps that a peer made.
   *
   * @param milliseconds of each
   * @param losses of each, before its update, in nats
   */
  record Steps(List<Double> milliseconds, List<Double> losses) {}

  /**
   * Starts a peer and waits until it is ready.
   *
   * @param errors file for its standard error
   * @param limitSeconds longest time without an answer
   */
  PeerProcess(String name, List<String> command, Path errors, long limitSeconds)
      throws Failed, IOException {
    this.name = name;
    this.errors = errors;
    this.limitSeconds = limitSeconds;
    process =
        new ProcessBuilder(command)
            .redirectError(ProcessBuilder.Redirect.to(errors.toFile()))
            .start();
    answers = process.inputReader(StandardCharsets.UTF_8);
    questions = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
    try {
      about = answer();
    } catch (Failed e) {
      process.destroyForcibly();
      throw e;
    }
  }

  /** Its name, version and settings, as it says. */
  JsonNode about() {
    return about;
  }

  /** Makes steps. */
  Steps steps(int count) throws Failed {
    questions.println(count);
    JsonNode answer = answer();
    Steps steps = new Steps(numbers(answer.path("ms")), numbers(answer.path("losses")));
    if (steps.milliseconds.size() != count || steps.losses.size() != count) {
      throw new Failed("%s was asked for %d steps and answered %s".formatted(name, count, answer));
    }
    return steps;
  }

  private static List<Double> numbers(JsonNode array) {
    List<Double> numbers = new ArrayList<>();
    // Python writes NaN as JSON does not know it.
    array.forEach(number -> numbers.add(number.isNumber() ? number.doubleValue() : Double.NaN));
    return numbers;
  }

  /** Ends it; its peak resident memory in bytes, if it knows. */
  OptionalLong end() throws Failed {
    questions.close();
    JsonNode bytes = answer().path("peak_resident_bytes");
    return bytes.isNumber() ? OptionalLong.of(bytes.longValue()) : OptionalLong.empty();
  }

  /** The next line that is JSON; libraries print others. */
  private JsonNode answer() throws Failed {
    CompletableFuture<String> line = CompletableFuture.supplyAsync(this::nextLine);
    try {
      String text = line.get(limitSeconds, TimeUnit.SECONDS);
      if (text == null) {
        throw new Failed(name + " ended: " + lastErrors());
      }
      return new ObjectMapper().readTree(text);
    } catch (TimeoutException _) {
      process.destroyForcibly();
      throw new Failed("%s said nothing for %d s".formatted(name, limitSeconds));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      throw new Failed(INTERRUPTED);
    } catch (ExecutionException | IOException e) {
      throw new Failed(name + ": " + e.getMessage());
    }
  }

  private String nextLine() {
    try {
      String line = answers.readLine();
      while (line != null && !line.startsWith("{")) {
        line = answers.readLine();
      }
      return line;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String lastErrors() {
    try {
      List<String> lines =
          Files.readString(errors).lines().filter(line -> !line.isBlank()).toList();
      String end =
          String.join(
              " / ", lines.subList(Math.max(0, lines.size() - LINES_OF_A_FAILURE), lines.size()));
      return end.isEmpty() ? "it said nothing" : end;
    } catch (IOException e) {
      return e.getMessage();
    }
  }

  @Override
  public void close() {
    questions.close();
    try {
      if (!process.waitFor(limitSeconds, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException _) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
