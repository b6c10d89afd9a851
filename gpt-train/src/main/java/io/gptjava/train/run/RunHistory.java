package io.gptjava.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.TrainingEvent;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What happened in a run so far, read from its {@code metrics.jsonl}; needs no lock, so it works on
 * a run that is going on.
 *
 * @param name of the run's folder
 * @param stepsPerEpoch optimizer steps of one epoch; 0 if the log does not tell
 * @param totalSteps optimizer steps of the whole run; 0 if the log does not tell
 * @param events all events, in order
 * @param steps optimizer steps, in order
 * @param evaluations evaluations, in order
 */
public record RunHistory(
    String name,
    long stepsPerEpoch,
    long totalSteps,
    List<TrainingEvent> events,
    List<TrainingEvent.Step> steps,
    List<TrainingEvent.Evaluated> evaluations) {
  static final String FILE = "metrics.jsonl";

  /** Copies the lists. */
  public RunHistory {
    events = List.copyOf(events);
    steps = List.copyOf(steps);
    evaluations = List.copyOf(evaluations);
  }

  /**
   * Reads the log of a run. A torn last line is left out.
   *
   * @param run its folder
   * @throws GptException with {@link Failure#DATA} if there is no log, or a line in it is damaged
   */
  public static RunHistory read(Path run) {
    Path file = run.resolve(FILE);
    Path name = run.toAbsolutePath().normalize().getFileName();
    List<TrainingEvent> events = new ArrayList<>();
    long stepsPerEpoch = 0;
    long number = 0;
    long damaged = 0;
    try (Stream<String> lines = LogLines.lines(file)) {
      for (String line : (Iterable<String>) lines::iterator) {
        number++;
        if (damaged > 0) {
          throw new GptException(
              Failure.DATA, "%s, line %d: not a JSON object of the log".formatted(file, damaged));
        }
        JsonNode node = LogLines.parse(line);
        if (node == null) {
          damaged = number; // fine if it is the last
          continue;
        }
        Optional<TrainingEvent> event = MetricsReader.decode(node, run, stepsPerEpoch);
        if (event.isPresent() && event.get() instanceof TrainingEvent.Started started) {
          stepsPerEpoch = started.stepsPerEpoch();
        }
        event.ifPresent(events::add);
      }
    } catch (IOException e) {
      throw new GptException(
          Failure.DATA,
          "Cannot read %s: %s; give the folder of a run".formatted(file, DurableFiles.reason(e)),
          e);
    } catch (UncheckedIOException e) {
      throw new GptException(
          Failure.DATA,
          "Cannot read %s after line %d: %s"
              .formatted(file, number, DurableFiles.reason(e.getCause())),
          e);
    }
    return of(name == null ? run.toString() : name.toString(), events);
  }

  /** The history that a list of events tells. */
  public static RunHistory of(String name, List<TrainingEvent> events) {
    Optional<TrainingEvent.Started> started =
        select(events, TrainingEvent.Started.class).stream().reduce((_, last) -> last);
    return new RunHistory(
        name,
        started.map(TrainingEvent.Started::stepsPerEpoch).orElse(0L),
        started.map(TrainingEvent.Started::totalSteps).orElse(0L),
        events,
        select(events, TrainingEvent.Step.class),
        select(events, TrainingEvent.Evaluated.class));
  }

  private static <E extends TrainingEvent> List<E> select(
      List<TrainingEvent> events, Class<E> kind) {
    return events.stream().filter(kind::isInstance).map(kind::cast).toList();
  }

  /**
   * Place of a step's end on the axis of epochs: 1.0 after the first epoch. Counts steps if the
   * length of an epoch is unknown.
   */
  public double epochsAfter(long step) {
    return (step + 1) / (double) Math.max(stepsPerEpoch, 1);
  }

  /** Mean tokens in an epoch; NaN before the first step. */
  public double tokensPerEpoch() {
    if (steps.isEmpty()) {
      return Double.NaN;
    }
    TrainingEvent.Step last = steps.getLast();
    return last.tokens() / epochsAfter(last.step());
  }
}
