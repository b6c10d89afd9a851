package io.gptjava.cli.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ConsolesTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private static final List<TrainingEvent> EVENTS =
      List.of(
          new TrainingEvent.Started(-1, 2, 2, 2, 1, 123, "device"),
          step(0, 10.5),
          new TrainingEvent.Evaluated(0, 1, 9.8765, 9.5, 512, 3),
          new TrainingEvent.Sampled(0, 1, "Every effort\nmoves you"),
          new TrainingEvent.Warning(0, "look out"),
          new TrainingEvent.LossScaled(0, 32_768, true),
          new TrainingEvent.LossScaled(1, 65_536, false),
          step(1, 9.25),
          new TrainingEvent.Evaluated(1, 1, 8, Double.NaN, 1024, 3),
          new TrainingEvent.Saved(2, 1, Path.of("runs/x/checkpoints/000002"), 1500),
          new TrainingEvent.EpochEnded(1, 1),
          new TrainingEvent.Ended(1, "finished", 1024, 61));

  private static final String WARNINGS =
      """
      warning: look out
      warning: step 0: gradients beyond fp16, its update was skipped; loss scale now 32768.0
      """;

  private static TrainingEvent.Step step(long step, double loss) {
    return new TrainingEvent.Step(step, 1, step, loss, 4e-4, 1, false, 512 * (step + 1), 100, 5120);
  }

  private static PrintStream print(ByteArrayOutputStream to) {
    return new PrintStream(to, true, StandardCharsets.UTF_8);
  }

  private String play(String style) {
    TrainingListener console = Consoles.text(style, print(out), print(err), false, 1);
    EVENTS.forEach(console::on);
    assertEquals(WARNINGS, err.toString(StandardCharsets.UTF_8));
    return out.toString(StandardCharsets.UTF_8);
  }

  @Test
  void textbook() {
    assertEquals(
        """
        Ep 1 (Step 000000): Train loss 9.877, Val loss 9.500
        Every effort moves you
        Ep 1 (Step 000001): Train loss 8.000, Val loss nan
        """,
        play("textbook"));
  }

  @Test
  void batch() {
    assertEquals(
        """
        Epoch 1 (Batch 000000): Train loss 10.500
        Epoch 1 (Step 000000): Train loss 9.877, Val loss 9.500
        Generated Sample Text: Every effort moves you
        =====================================================================
        Epoch 1 (Batch 000001): Train loss 9.250
        Epoch 1 (Step 000001): Train loss 8.000
        Epoch 1 finished, checkpoint: 000002
        """,
        play("batch"));
  }

  @Test
  void pipeline() {
    String text = play("pipeline");
    assertTrue(
        text.contains(
            "| epoch   1 |     1/    2 batches | lr 4.0E-4 | ms/batch 100.00 | loss 10.500 |"),
        text);
    assertTrue(text.contains("|     2/    2 batches |"), text);
  }

  @Test
  void batchNamesNoCheckpointThatIsNotThere() {
    TrainingListener console = Consoles.text("batch", print(out), print(err), false, 1);
    console.on(new TrainingEvent.Started(-1, 4, 2, 2, 1, 123, "device"));
    console.on(new TrainingEvent.EpochEnded(1, 1));
    console.on(new TrainingEvent.Started(3, 4, 2, 2, 1, 123, "device"));
    console.on(new TrainingEvent.EpochEnded(3, 2));
    assertEquals(
        "Epoch 1 finished\nEpoch 2 finished, checkpoint: 000003\n",
        out.toString(StandardCharsets.UTF_8));
  }

  @Test
  void pipelineCountsMicroBatchesAndTheRemainder() {
    TrainingListener console = Consoles.text("pipeline", print(out), print(err), false, 20);
    console.on(new TrainingEvent.Started(-1, 4, 4, 72, 1, 123, "device"));
    for (int i = 0; i < 4; i++) {
      double milliseconds = i < 3 ? 200 : 60;
      console.on(new TrainingEvent.Step(i, 1, i, 9, 4e-4, 1, false, 20 * (i + 1), milliseconds, 5));
    }
    String text = out.toString(StandardCharsets.UTF_8);
    assertTrue(text.contains("|    20/   72 batches | lr 4.0E-4 | ms/batch 10.00 |"), text);
    assertTrue(text.contains("|    60/   72 batches | lr 4.0E-4 | ms/batch 10.00 |"), text);
    assertTrue(text.contains("|    72/   72 batches | lr 4.0E-4 | ms/batch 5.00 |"), text);
  }

  @Test
  void plainLinesWithoutATerminal() {
    String text = play("default");
    assertTrue(text.contains("step 1/2  epoch 1  loss 10.500  lr 4.00e-04  5,120 tok/s"), text);
    assertTrue(text.contains("step 1  epoch 1  train loss 9.877  validation loss 9.500"), text);
    assertTrue(text.contains("sample: Every effort moves you"), text);
    assertTrue(text.contains("finished after 2 steps, 1,024 tokens; 1:01 here"), text);
    assertTrue(text.indexOf('\r') < 0 && text.indexOf('\033') < 0, text);
  }

  @Test
  void liveLineOnATerminalIsShortAndCleared() {
    long[] now = {0};
    TrainingListener console = new DefaultConsole(print(out), true, () -> now[0]);
    for (TrainingEvent event : EVENTS) {
      now[0] += 1_000_000_000L;
      console.on(event);
    }
    String text = out.toString(StandardCharsets.UTF_8);
    assertTrue(text.contains("\r\033[K 50 % [==========          ] 1/2  loss 10.500"), text);
    for (String shown : text.split("[\r\n]")) {
      assertTrue(shown.replace("\033[K", "").length() < 80, shown);
    }
    int live = text.indexOf(" 50 % [");
    assertTrue(text.indexOf("\r\033[Kstep 1  epoch 1") > live, text);
  }

  @Test
  void durations() {
    assertEquals("0:00", DefaultConsole.duration(0.2));
    assertEquals("1:05", DefaultConsole.duration(65));
    assertEquals("2:03:04", DefaultConsole.duration(2 * 3600 + 3 * 60 + 4));
  }

  @Test
  void quietPrintsWarningsOnly() {
    TrainingListener console = Consoles.quiet(print(err));
    EVENTS.forEach(console::on);
    assertEquals(WARNINGS, err.toString(StandardCharsets.UTF_8));
  }
}
