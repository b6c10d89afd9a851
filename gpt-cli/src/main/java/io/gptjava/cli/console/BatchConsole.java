package io.gptjava.cli.console;

import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import java.io.PrintStream;

/**
 * A line for every batch, and the number of the newest checkpoint, if there is one, at the end of
 * an epoch.
 */
final class BatchConsole implements TrainingListener {
  private static final String RULE = "=".repeat(69);

  private final PrintStream out;
  private long checkpoint = -1;

  BatchConsole(PrintStream out) {
    this.out = out;
  }

  @Override
  public void on(TrainingEvent event) {
    switch (event) {
      case TrainingEvent.Started e -> checkpoint = e.resumedFrom();
      case TrainingEvent.Step e ->
          out.println(
              "Epoch %d (Batch %06d): Train loss %s"
                  .formatted(e.epoch(), e.stepInEpoch(), TextbookConsole.loss(e.loss())));
      case TrainingEvent.Evaluated e -> evaluated(e);
      case TrainingEvent.Sampled e -> {
        out.println("Generated Sample Text: " + TextbookConsole.oneLine(e.text()));
        out.println(RULE);
      }
      case TrainingEvent.Saved e -> checkpoint = e.step();
      case TrainingEvent.EpochEnded e ->
          out.println(
              "Epoch %d finished%s"
                  .formatted(
                      e.epoch(), checkpoint < 0 ? "" : ", checkpoint: %06d".formatted(checkpoint)));
      default -> {}
    }
  }

  private void evaluated(TrainingEvent.Evaluated e) {
    String train = TextbookConsole.loss(e.trainLoss());
    String validation =
        Double.isNaN(e.validationLoss())
            ? ""
            : ", Val loss " + TextbookConsole.loss(e.validationLoss());
    out.println(
        "Epoch %d (Step %06d): Train loss %s%s".formatted(e.epoch(), e.step(), train, validation));
  }
}
