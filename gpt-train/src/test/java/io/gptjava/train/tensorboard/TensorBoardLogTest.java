package io.gptjava.train.tensorboard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.tensorboard.EventReader.Event;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorBoardLogTest {
  private static final InstantSource CLOCK =
      InstantSource.fixed(Instant.ofEpochMilli(1_700_000_000_250L));
  private static final JsonNode NO_SETTINGS = new ObjectMapper().createObjectNode();

  @TempDir Path run;

  private static TrainingEvent.Step step(long step, double loss) {
    return new TrainingEvent.Step(step, 1, step, loss, 4e-4, 2.5, false, 512, 1000, 512.5);
  }

  private List<Path> files() throws IOException {
    return EventReader.files(run);
  }

  /** All events in the order in which TensorBoard reads them. */
  private List<Event> events() throws IOException {
    List<Event> events = new ArrayList<>();
    for (Path file : files()) {
      events.addAll(EventReader.read(file));
    }
    return events;
  }

  private List<Long> steps(String tag) throws IOException {
    return EventReader.steps(run, tag);
  }

  @Test
  void whatIsWrittenCanBeReadByOthers() throws IOException {
    JsonNode settings =
        new ObjectMapper()
            .readTree(
                "{\"lr\":{\"value\":0.003,\"origin\":\"flag\"},\"shuffle\":{\"value\":true},"
                    + "\"schedule\":{\"value\":\"cosine\"},\"data\":{\"value\":[\"a\",\"b\"]},"
                    + "\"configuration\":\"text\"}");
    try (TensorBoardLog log = TensorBoardLog.create(run, settings, CLOCK)) {
      log.on(step(0, 10.75));
      log.on(new TrainingEvent.Evaluated(0, 1, 9.5, Double.NaN, 512, 1));
      log.on(new TrainingEvent.Evaluated(300, 1, 9.5, 9.75, 512, 1));
      log.on(new TrainingEvent.Sampled(300, 1, "萧炎 said\n\"no\""));
      log.on(new TrainingEvent.Warning(301, "careful"));
      log.on(new TrainingEvent.Ended(301, "finished", 512, 1));
      assertEquals(8, events().size(), "each is there before the log is closed");
    }
    assertEquals(
        "events.out.tfevents.1700000000.gpt-java", files().getFirst().getFileName().toString());
    List<Event> events = events();
    events.forEach(e -> assertEquals(1_700_000_000.25, e.wallTime()));
    assertEquals(Map.of("file_version", "brain.Event:2"), events.get(0).values());
    assertEquals(
        Map.of(
            "_hparams_/session_start_info",
            Map.of(
                "lr",
                0.003,
                "shuffle",
                true,
                "schedule",
                "cosine",
                "data",
                "[\"a\",\"b\"]",
                "configuration",
                "text",
                "group",
                run.getFileName().toString(),
                "end",
                0)),
        events.get(1).values());
    assertEquals(
        Map.of(
            "training_loss",
            10.75f,
            "learning_rate",
            4e-4f,
            "grad_norm",
            2.5f,
            "tokens_per_second",
            512.5f),
        events.get(2).values());
    assertEquals(Map.of("eval_train_loss", 9.5f), events.get(3).values());
    assertEquals(Map.of("eval_train_loss", 9.5f, "val_loss", 9.75f), events.get(4).values());
    assertEquals(300, events.get(4).step());
    assertEquals(Map.of("sample", "萧炎 said\n\"no\""), events.get(5).values());
    assertEquals(Map.of("warning", "careful"), events.get(6).values());
    Map<?, ?> end = (Map<?, ?>) events.get(7).values().get("_hparams_/session_end_info");
    assertEquals(1, end.get("end"), "STATUS_SUCCESS");
  }

  @Test
  void eachStepAppearsOnceHoweverOftenARunIsResumed() throws IOException {
    write(-1, 0, 10);
    write(6, 6, 12);
    Event restart = EventReader.read(files().get(1)).get(1);
    assertEquals("session_log", restart.kind());
    assertEquals(6, restart.step());
    assertEquals(Map.of("status", 1), restart.values());
    assertEquals(LongStream.range(0, 12).boxed().toList(), steps("training_loss"));
    write(3, 3, 9); // before the first resumption, of which nothing is left
    assertEquals(2, files().size());
    assertEquals(LongStream.range(0, 9).boxed().toList(), steps("training_loss"));
    write(-1, 0, 2); // a run without a checkpoint begins anew
    assertEquals(1, files().size());
    assertEquals(List.of(0L, 1L), steps("training_loss"));
  }

  private void write(long resumedFrom, long from, long to) {
    try (TensorBoardLog log =
        resumedFrom < 0
            ? TensorBoardLog.create(run, NO_SETTINGS, CLOCK)
            : TensorBoardLog.resume(run, resumedFrom, NO_SETTINGS, CLOCK)) {
      for (long i = from; i < to; i++) {
        log.on(step(i, Double.NaN));
      }
      log.on(new TrainingEvent.Ended(to - 1, "stopped", 512, 1));
    }
  }

  @Test
  void whatACrashToreIsCutOff() throws IOException {
    write(-1, 0, 4);
    Path file = files().getFirst();
    byte[] whole = Files.readAllBytes(file);
    for (int lost : new int[] {1, 4, 30, 60}) { // in the checksum, the record and its header
      Files.write(file, Arrays.copyOf(whole, whole.length - lost));
      TensorBoardLog.resume(run, 4, NO_SETTINGS, CLOCK).close();
      assertEquals(LongStream.range(0, 3).boxed().toList(), steps("training_loss"), "lost " + lost);
      Files.delete(files().getLast());
    }
    byte[] damaged = whole.clone();
    damaged[damaged.length - 20] ^= 1;
    Files.write(file, damaged);
    TensorBoardLog.resume(run, 4, NO_SETTINGS, CLOCK).close();
    assertEquals(LongStream.range(0, 3).boxed().toList(), steps("training_loss"));
    Files.delete(files().getLast());
    Files.write(file, whole);
    Files.write(file, new byte[] {-1, -1, -1, -1, -1, -1, -1, 127, 0}, StandardOpenOption.APPEND);
    TensorBoardLog.resume(run, 4, NO_SETTINGS, CLOCK).close();
    assertEquals(LongStream.range(0, 4).boxed().toList(), steps("training_loss"));
  }

  @Test
  void aFileIsNamedBehindAllOthersWhateverTheClockSays() throws IOException {
    Path later = run.resolve("events.out.tfevents.1800000000.gpt-java");
    try (EventFile file = EventFile.create(later)) {
      file.append(EventRecord.version(1));
      file.append(EventRecord.text(1, 0, "sample", "text"));
    }
    TensorBoardLog.resume(run, 1, NO_SETTINGS, CLOCK).close();
    assertEquals(later, files().getFirst());
    assertTrue(files().getLast().toString().contains("1800000001"), files().toString());
  }
}
