package io.gptjava.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.DeviceReadings;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.Decision;
import io.gptjava.train.Decision.Action;
import io.gptjava.train.RunSummary;
import io.gptjava.train.TrainingEvent;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunLogTest {
  @TempDir Path run;

  private static TrainingEvent.Step step(long step, double loss) {
    return new TrainingEvent.Step(
        step, (int) (step / 9) + 1, step % 9, loss, 4e-4, 2.5, false, 512 * (step + 1), 1000, 512);
  }

  private static TrainingEvent.Started started(long resumedFrom) {
    return new TrainingEvent.Started(
        resumedFrom, 90, 9, 9, 1, 162_419_712, "CPU \"2\" threads", 9.75e8, Double.NaN);
  }

  private static TrainingEvent.Warning decided(long step, Action action, long backTo) {
    Decision decision =
        new Decision("loss_spike", "epoch 1, batch 8", 9.5, 7.25, 6, action, backTo);
    return new TrainingEvent.Warning(step, "a spike", Optional.of(decision));
  }

  private static TrainingEvent.Ended ended() {
    RunSummary summary = new RunSummary(9, 512, Double.NaN, 0.5, 1.5, 6.5, 6.25, 6, 4096);
    return new TrainingEvent.Ended(8, "finished", 4608, 9.75, summary);
  }

  private List<String> lines() throws IOException {
    return Files.readAllLines(run.resolve("metrics.jsonl"));
  }

  @Test
  void writesTheObjectsOfTheContract() throws IOException {
    try (RunLog log = RunLog.create(run, false)) {
      log.on(started(-1));
      log.on(
          new TrainingEvent.Step(
              0, 1, 0, 10.987654321098764, 4e-4, 3.25, false, 512, 1234.5, 414.75));
      log.on(new TrainingEvent.Evaluated(0, 1, 9.5, Double.NaN, 512, 100));
      log.on(
          new TrainingEvent.Step(
              1, 1, 1, Double.POSITIVE_INFINITY, 4e-4, Double.NaN, true, 1024, 1000, 512));
      log.on(new TrainingEvent.EpochEnded(8, 1));
      log.on(new TrainingEvent.Sampled(8, 1, "萧炎 said \"no\"\nand left"));
      log.on(new TrainingEvent.Saved(8, 1, run.resolve("checkpoints/000009"), 12.5));
      log.on(new TrainingEvent.LossScaled(8, 0x1p-3f, true));
      log.on(new TrainingEvent.Warning(8, "careful"));
      log.on(decided(8, Action.SKIP, -1));
      log.on(ended());
      assertEquals(10, lines().size(), "each line is there before the log is closed");
    }
    assertEquals(
        List.of(
            "{\"event\":\"run\",\"resumed_from\":null,\"total_steps\":90,\"steps_per_epoch\":9,"
                + "\"batches_per_epoch\":9,\"validation_batches\":1,\"parameters\":162419712,\"device\":\"CPU"
                + " \\\"2\\\" threads\",\"flops_per_token\":9.75E8,\"flops_formula\":\"6N + 6LCT"
                + " (causal; N parameters, L layers, C width)\",\"datasheet_flops\":null}",
            "{\"event\":\"step\",\"step\":0,\"epoch\":1,\"loss\":10.987654321098764,\"lr\":4.0E-4,"
                + "\"grad_norm\":3.25,\"tokens\":512,\"ms\":1234.5,\"tokens_per_second\":414.75}",
            "{\"event\":\"eval\",\"step\":0,\"epoch\":1,\"train_loss\":9.5,\"val_loss\":null,"
                + "\"tokens\":512}",
            "{\"event\":\"step\",\"step\":1,\"epoch\":1,\"loss\":null,\"lr\":4.0E-4,"
                + "\"grad_norm\":null,\"tokens\":1024,\"ms\":1000.0,\"tokens_per_second\":512.0,"
                + "\"skipped\":true}",
            "{\"event\":\"sample\",\"step\":8,\"epoch\":1,"
                + "\"text\":\"萧炎 said \\\"no\\\"\\nand left\"}",
            "{\"event\":\"checkpoint\",\"step\":8,\"epoch\":1,\"folder\":\"checkpoints/000009\","
                + "\"ms\":12.5}",
            "{\"event\":\"loss_scale\",\"step\":8,\"scale\":0.125,\"skipped\":true}",
            "{\"event\":\"warning\",\"step\":8,\"message\":\"careful\"}",
            "{\"event\":\"warning\",\"step\":8,\"kind\":\"loss_spike\",\"batch\":\"epoch 1, batch"
                + " 8\","
                + "\"value\":9.5,\"deviations\":7.25,\"threshold\":6.0,\"action\":\"skip\",\"back_to\":null,\"message\":\"a"
                + " spike\"}",
            "{\"event\":\"end\",\"step\":8,\"reason\":\"finished\",\"steps\":9,\"tokens\":4608,"
                + "\"seconds\":9.75,\"training_seconds\":9.0,\"tokens_per_second\":512.0,"
                + "\"mfu_datasheet\":null,\"mfu_measured\":0.5,\"last_loss\":1.5,\"last_val_loss\":6.5,"
                + "\"best_val_loss\":6.25,\"best_step\":6,\"peak_memory_bytes\":4096}"),
        lines());
    assertEquals(
        "== step 8, epoch 1\n萧炎 said \"no\"\nand left\n\n",
        Files.readString(run.resolve("samples.txt")));
    assertFalse(Files.exists(run.resolve("metrics.csv")));
  }

  @Test
  void readsBackWhatItWrote() {
    List<TrainingEvent> events =
        List.of(
            started(-1),
            step(0, 1 / 3.0),
            new TrainingEvent.Evaluated(0, 1, 0.1, 0.2, 512, Double.NaN),
            step(10, Math.PI),
            new TrainingEvent.Step(11, 2, 2, Double.NaN, 1e-5, Double.NaN, true, 6144, 1000, 512),
            new TrainingEvent.Sampled(11, 2, "text"),
            new TrainingEvent.Saved(11, 2, run.resolve("checkpoints/000012"), 3),
            new TrainingEvent.LossScaled(11, 0x1p40f, false),
            new TrainingEvent.Warning(11, "w"),
            decided(11, Action.ROLLBACK, 12),
            readings(),
            ended(),
            new TrainingEvent.Ended(11, "stopped", 6144, 2));
    try (RunLog log = RunLog.create(run, false)) {
      events.forEach(log::on);
    }
    RunHistory history = RunHistory.read(run);
    assertEquals(events, history.events());
    assertEquals(run.getFileName().toString(), history.name());
    assertEquals(9, history.stepsPerEpoch());
    assertEquals(90, history.totalSteps());
    assertEquals(4, history.steps().size());
    assertEquals(12 / 9.0, history.epochsAfter(11), 1e-15);
    assertEquals(4608, history.tokensPerEpoch(), 1e-9);
  }

  private static TrainingEvent.Step readings() {
    DeviceReadings readings =
        new DeviceReadings(
            OptionalInt.of(61),
            OptionalDouble.of(350.5),
            OptionalDouble.empty(),
            OptionalInt.of(1980),
            OptionalInt.empty(),
            OptionalLong.of(1L << 35));
    return new TrainingEvent.Step(
        11, 2, 2, 2.5, 1e-5, 0.5, false, 6144, 1000, 512, Optional.of(readings));
  }

  /** Each step once, the later one; what was decided stays. */
  @Test
  void goingBackDropsWhatIsDoneAgain() throws IOException {
    try (RunLog log = RunLog.create(run, true)) {
      log.on(started(-1));
      for (int i = 0; i < 8; i++) {
        log.on(step(i, i));
      }
      log.on(new TrainingEvent.Warning(6, "not a decision"));
      log.on(decided(8, Action.ROLLBACK, 5));
      log.on(step(5, 50));
      log.on(decided(6, Action.ROLLBACK, 6));
      log.on(step(6, 60));
      log.on(decided(7, Action.STOP, 5));
    }
    RunHistory history = RunHistory.read(run);
    assertEquals(
        List.of(0.0, 1.0, 2.0, 3.0, 4.0),
        history.steps().stream().map(TrainingEvent.Step::loss).toList());
    assertEquals(
        List.of(
            decided(8, Action.ROLLBACK, 5),
            decided(6, Action.ROLLBACK, 6),
            decided(7, Action.STOP, 5)),
        history.events().subList(6, 9));
    assertEquals(9, history.events().size());
    assertEquals(6, Files.readAllLines(run.resolve("metrics.csv")).size());
  }

  @Test
  void resumeDropsWhatLiesBeyondTheCheckpointAndATornLine() throws IOException {
    try (RunLog log = RunLog.create(run, true)) {
      log.on(started(-1));
      for (int i = 0; i < 20; i++) {
        log.on(step(i, i));
        if (i % 5 == 0) {
          log.on(new TrainingEvent.Evaluated(i, i / 9 + 1, i, i + 1, 512L * (i + 1), 1));
        }
        if (i == 8 || i == 17) {
          log.on(new TrainingEvent.Sampled(i, i / 9 + 1, "sample " + i));
          log.on(new TrainingEvent.Saved(i, i / 9 + 1, Checkpoints.folder(run, i + 1), 1));
        }
      }
    }
    Files.writeString(
        run.resolve("metrics.jsonl"),
        "{\"event\":\"sample\",\"step\":20,\"epoch\":3,\"text\":\"萧",
        StandardOpenOption.APPEND);
    byte[] torn = Files.readAllBytes(run.resolve("metrics.jsonl"));
    Files.write(run.resolve("metrics.jsonl"), Arrays.copyOf(torn, torn.length - 1));
    assertEquals(20, RunHistory.read(run).steps().size(), "a torn line does not hide the others");

    List<String> expected = new ArrayList<>(lines(14));
    try (RunLog log = RunLog.resume(run, 9, true)) {
      assertEquals(expected, lines());
      log.on(started(9));
      for (int i = 9; i < 12; i++) {
        log.on(step(i, -i));
      }
    }
    RunHistory history = RunHistory.read(run);
    assertEquals(
        List.of(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L, 11L),
        history.steps().stream().map(TrainingEvent.Step::step).toList());
    assertEquals(-11, history.steps().getLast().loss());
    assertEquals(List.of(0L, 5L), history.evaluations().stream().map(e -> e.step()).toList());
    assertEquals("== step 8, epoch 1\nsample 8\n\n", Files.readString(run.resolve("samples.txt")));
    List<String> csv = Files.readAllLines(run.resolve("metrics.csv"));
    assertEquals("step,epoch,loss,lr,grad_norm,tokens,ms,tokens_per_second", csv.getFirst());
    assertEquals("11,2,-11.0,4.0E-4,2.5,6144,1000.0,512.0", csv.getLast());
    assertEquals(13, csv.size());
    assertEquals(
        List.of("step,epoch,train_loss,val_loss,tokens", "0,1,0.0,1.0,512", "5,1,5.0,6.0,3072"),
        Files.readAllLines(run.resolve("evaluations.csv")));
  }

  /** The first whole lines of the log, read by bytes. */
  private List<String> lines(int count) throws IOException {
    return new String(Files.readAllBytes(run.resolve("metrics.jsonl")), StandardCharsets.UTF_8)
        .lines()
        .limit(count)
        .toList();
  }

  @Test
  void resumingTwiceFromAnEarlierCheckpointDropsTheFirstResumption() throws IOException {
    try (RunLog log = RunLog.create(run, false)) {
      log.on(started(-1));
      log.on(step(0, 1));
      log.on(step(1, 1));
      log.on(new TrainingEvent.Ended(1, "stopped", 1024, 1));
    }
    try (RunLog log = RunLog.resume(run, 2, false)) {
      log.on(started(2));
      log.on(step(2, 1));
    }
    assertEquals(6, lines().size());
    RunLog.resume(run, 1, false).close();
    assertEquals(2, lines().size());
    RunLog.create(run, false).close(); // a run without a checkpoint begins anew
    assertEquals(0, lines().size());
  }

  @Test
  void aDamagedLineInTheMiddleIsTold() throws IOException {
    Files.writeString(
        run.resolve("metrics.jsonl"), "{\"event\":\"step\",\"step\":0}\nnonsense\n{}\n");
    GptException e = assertThrows(GptException.class, () -> RunHistory.read(run));
    assertEquals(Failure.DATA, e.failure());
    assertTrue(e.getMessage().contains("metrics.jsonl, line 2"), e.getMessage());
    e = assertThrows(GptException.class, () -> RunHistory.read(run.resolve("none")));
    assertTrue(e.getMessage().contains("no such file"), e.getMessage());
  }
}
