package io.gptjava.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.GptException;
import io.gptjava.train.Decision;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes what happens in a run: {@code metrics.jsonl} (one JSON object a line, full precision, a
 * number that is not finite as {@code null}), {@code samples.txt}, and on request {@code
 * metrics.csv} and {@code evaluations.csv}. Each line reaches the operating system at once, and the
 * disk with every checkpoint.
 *
 * <p>A resumed run drops what lies beyond its checkpoint, so that each step appears once; a last
 * line that a crash tore is dropped too. A run that goes back does the same, but keeps what was
 * decided. {@code samples.txt} and the CSV files are made anew from the lines that stay.
 */
public final class RunLog implements TrainingListener, AutoCloseable {
  private static final List<String> STEP_COLUMNS =
      List.of("step", "epoch", "loss", "lr", "grad_norm", "tokens", "ms", "tokens_per_second");
  private static final List<String> EVALUATION_COLUMNS =
      List.of("step", "epoch", "train_loss", "val_loss", "tokens");

  private final Path run;
  private final boolean csv;
  private final List<Output> derived = new ArrayList<>();
  private Output metrics;
  private long lastStep = -1;

  /** Something that turns an object of the log into text of a file; empty for none. */
  private interface Rendering {
    String text(JsonNode event);
  }

  private record Output(Path file, FileChannel channel, Rendering rendering) {
    void append(JsonNode event) throws IOException {
      ByteBuffer bytes = StandardCharsets.UTF_8.encode(rendering.text(event));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    }
  }

  private RunLog(Path run, boolean csv) {
    this.run = run;
    this.csv = csv;
  }

  /** Opens all files; the others are made from the lines of the first that stay. */
  private RunLog open(List<JsonNode> kept, StandardOpenOption how) {
    Path file = run.resolve(RunHistory.FILE);
    metrics = output(file, how, "", event -> Json.line(event) + "\n");
    derive(run.resolve("samples.txt"), "", RunLog::sample);
    if (csv) {
      derive(
          run.resolve("metrics.csv"),
          String.join(",", STEP_COLUMNS) + "\n",
          event -> row(event, "step", STEP_COLUMNS));
      derive(
          run.resolve("evaluations.csv"),
          String.join(",", EVALUATION_COLUMNS) + "\n",
          event -> row(event, "eval", EVALUATION_COLUMNS));
    }
    for (JsonNode event : kept) {
      derived.forEach(output -> append(output, event));
    }
    return this;
  }

  /**
   * Starts the log of a run from its beginning; an earlier one is dropped.
   *
   * @param run its folder
   * @param csv whether to write the CSV files too
   */
  public static RunLog create(Path run, boolean csv) {
    return new RunLog(run, csv).open(List.of(), StandardOpenOption.TRUNCATE_EXISTING);
  }

  /**
   * Goes on with the log of a run.
   *
   * @param step of the checkpoint that the run continues from: optimizer steps done
   */
  public static RunLog resume(Path run, long step, boolean csv) {
    List<JsonNode> kept = LogLines.cut(run.resolve(RunHistory.FILE), step, false);
    RunLog log = new RunLog(run, csv).open(kept, StandardOpenOption.APPEND);
    log.lastStep = step - 1;
    return log;
  }

  /** Goes on from an earlier step. What was decided about steps beyond it stays. */
  private void goBack(long step) {
    close();
    derived.clear();
    open(LogLines.cut(metrics.file(), step, true), StandardOpenOption.APPEND);
    lastStep = step - 1;
  }

  @Override
  public void on(TrainingEvent event) {
    if (event instanceof TrainingEvent.Step step) {
      lastStep = step.step();
    } else if (event instanceof TrainingEvent.Warning warning) {
      long backTo = warning.decision().map(Decision::backTo).orElse(-1L);
      if (backTo >= 0 && backTo <= lastStep) {
        goBack(backTo);
      }
    }
    Metrics.encode(event).ifPresent(this::append);
    if (event instanceof TrainingEvent.Saved || event instanceof TrainingEvent.Ended) {
      try {
        metrics.channel().force(false);
      } catch (IOException e) {
        throw failure(metrics.file(), e);
      }
    }
  }

  private void append(ObjectNode event) {
    append(metrics, event);
    derived.forEach(output -> append(output, event));
  }

  private static void append(Output output, JsonNode event) {
    try {
      output.append(event);
    } catch (IOException e) {
      throw failure(output.file(), e);
    }
  }

  private void derive(Path file, String heading, Rendering rendering) {
    derived.add(output(file, StandardOpenOption.TRUNCATE_EXISTING, heading, rendering));
  }

  private static Output output(
      Path file, StandardOpenOption how, String heading, Rendering rendering) {
    try {
      FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, how);
      channel.write(StandardCharsets.UTF_8.encode(heading));
      return new Output(file, channel, rendering);
    } catch (IOException e) {
      throw failure(file, e);
    }
  }

  static GptException failure(Path file, IOException e) {
    return DurableFiles.cannotWrite(
        file, "continue from the last checkpoint with: gpt resume " + file.getParent(), e);
  }

  private static String sample(JsonNode event) {
    return event.path("event").asText().equals("sample")
        ? "== step %d, epoch %d\n%s\n\n"
            .formatted(
                event.path("step").asLong(),
                event.path("epoch").asLong(),
                event.path("text").asText())
        : "";
  }

  private static String row(JsonNode event, String kind, List<String> columns) {
    if (!event.path("event").asText().equals(kind)) {
      return "";
    }
    List<String> cells = new ArrayList<>();
    for (String column : columns) {
      JsonNode value = event.path(column);
      cells.add(value.isNull() ? "" : value.asText());
    }
    return String.join(",", cells) + "\n";
  }

  @Override
  public void close() {
    closeOutput(metrics);
    derived.forEach(RunLog::closeOutput);
  }

  private static void closeOutput(Output output) {
    try {
      output.channel().close();
    } catch (IOException e) {
      throw failure(output.file(), e);
    }
  }
}
