package io.gptjava.train.tensorboard;

import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.core.GptException;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import io.gptjava.train.run.DurableFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Writes a run for TensorBoard: files {@code events.out.tfevents.…} with the scalars {@code
 * training_loss}, {@code learning_rate}, {@code grad_norm} and {@code tokens_per_second} of each
 * step, {@code val_loss} and {@code eval_train_loss} of each evaluation, samples and warnings as
 * texts, and the configuration as hyper-parameters. Each event reaches the operating system at
 * once, and the disk with every checkpoint.
 *
 * <p>A resumed run cuts from the files what lies beyond its checkpoint, and a record that a crash
 * tore, and goes on in a new file that begins with a session start at that step: readers that watch
 * drop what they already had beyond it. So each step appears once, for readers of either kind.
 */
public final class TensorBoardLog implements TrainingListener, AutoCloseable {
  private static final String PREFIX = "events.out.tfevents.";

  private final Path run;
  private final Path path;
  private final EventFile file;
  private final InstantSource clock;

  private TensorBoardLog(Path run, long resumedFrom, JsonNode configuration, InstantSource clock) {
    this.run = run;
    this.clock = clock;
    try {
      long newest = 0;
      for (Path old : files(run)) {
        newest = Math.max(newest, seconds(old));
        int kept =
            resumedFrom < 0
                ? 0
                : EventFile.cut(old, record -> EventRecord.isBefore(record, resumedFrom));
        if (kept <= 1) { // at most the version
          Files.delete(old);
        }
      }
      path = next(run, Math.max(newest, clock.instant().getEpochSecond()));
      file = EventFile.create(path);
      file.append(EventRecord.version(now()));
      if (resumedFrom >= 0) {
        file.append(EventRecord.restart(now(), resumedFrom));
      }
      file.append(EventRecord.settings(now(), name(run), settings(configuration)));
    } catch (IOException e) {
      throw failure(run.resolve(PREFIX), e);
    }
  }

  /**
   * Starts the event file of a run from its beginning; earlier ones are dropped.
   *
   * @param run its folder
   * @param configuration as {@code config.json} has it
   */
  public static TensorBoardLog create(Path run, JsonNode configuration, InstantSource clock) {
    return new TensorBoardLog(run, -1, configuration, clock);
  }

  /**
   * Goes on with the event files of a run.
   *
   * @param step of the checkpoint that the run continues from: optimizer steps done
   */
  public static TensorBoardLog resume(
      Path run, long step, JsonNode configuration, InstantSource clock) {
    return new TensorBoardLog(run, step, configuration, clock);
  }

  @Override
  public void on(TrainingEvent event) {
    try {
      write(event);
    } catch (IOException e) {
      throw failure(path, e);
    }
  }

  private void write(TrainingEvent event) throws IOException {
    switch (event) {
      case TrainingEvent.Step e -> {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put("training_loss", e.loss());
        values.put("learning_rate", e.learningRate());
        values.put("grad_norm", e.gradientNorm());
        values.put("tokens_per_second", e.tokensPerSecond());
        file.append(EventRecord.scalars(now(), e.step(), values));
      }
      case TrainingEvent.Evaluated e -> {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put("eval_train_loss", e.trainLoss());
        values.put("val_loss", e.validationLoss());
        values.values().removeIf(value -> value.isNaN()); // there was nothing to evaluate on
        file.append(EventRecord.scalars(now(), e.step(), values));
      }
      case TrainingEvent.Sampled e ->
          file.append(EventRecord.text(now(), e.step(), "sample", e.text()));
      case TrainingEvent.Warning e ->
          file.append(EventRecord.text(now(), e.step(), "warning", e.message()));
      case TrainingEvent.Saved _ -> file.force();
      case TrainingEvent.Ended e -> {
        if (!e.reason().equals("stopped")) {
          boolean success = !e.reason().equals("diverged");
          file.append(EventRecord.end(now(), Math.max(0, e.step()), success));
        }
        file.force();
      }
      case TrainingEvent.Started _ -> {}
      case TrainingEvent.EpochEnded _ -> {}
      case TrainingEvent.LossScaled _ -> {}
    }
  }

  private double now() {
    return clock.millis() * 1e-3;
  }

  private static String name(Path run) {
    return run.toAbsolutePath().normalize().getFileName().toString();
  }

  /** The values of {@code config.json}, without where they came from. */
  private static Map<String, Object> settings(JsonNode configuration) {
    Map<String, Object> settings = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> field : configuration.properties()) {
      JsonNode entry = field.getValue();
      JsonNode value = entry.has("value") ? entry.get("value") : entry;
      settings.put(
          field.getKey(),
          value.isNumber()
              ? (Object) value.doubleValue()
              : value.isBoolean()
                  ? (Object) value.booleanValue()
                  : value.isTextual() ? value.textValue() : value.toString());
    }
    return settings;
  }

  /** The event files of a run, in the order in which readers take them: by name. */
  private static List<Path> files(Path run) throws IOException {
    try (Stream<Path> entries = Files.list(run)) {
      return entries
          .filter(file -> file.getFileName().toString().startsWith(PREFIX))
          .sorted()
          .toList();
    }
  }

  /** When a file was begun, from its name. */
  private static long seconds(Path file) {
    String digits = file.getFileName().toString().substring(PREFIX.length()).split("\\.", 2)[0];
    return digits.matches("\\d{1,18}") ? Long.parseLong(digits) : 0;
  }

  /** A name behind all others, even when the clock was set back. */
  private static Path next(Path run, long seconds) {
    long second = seconds;
    Path file = run.resolve("%s%010d.gpt-java".formatted(PREFIX, second));
    while (Files.exists(file)) {
      second++;
      file = run.resolve("%s%010d.gpt-java".formatted(PREFIX, second));
    }
    return file;
  }

  private GptException failure(Path what, IOException e) {
    return DurableFiles.cannotWrite(
        what, "continue from the last checkpoint with: gpt resume " + run, e);
  }

  /** Closes the file. */
  @Override
  public void close() {
    try {
      file.close();
    } catch (IOException e) {
      throw failure(path, e);
    }
  }
}
