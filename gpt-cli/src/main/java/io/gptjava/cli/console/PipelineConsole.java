package io.gptjava.cli.console;

import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import java.io.PrintStream;
import java.util.Locale;

/** About ten lines an epoch, each with means since the last. */
final class PipelineConsole implements TrainingListener {
  private static final int LINES_PER_EPOCH = 10;

  private final PrintStream out;
  private final int batchesPerStep;
  private long stepsPerEpoch = 1;
  private long batchesPerEpoch = 1;
  private double lossSum;
  private double milliseconds;
  private long count;

  /**
   * A console.
   *
   * @param batchesPerStep micro-batches of an optimizer step; the last of an epoch may have fewer
   */
  PipelineConsole(PrintStream out, int batchesPerStep) {
    this.out = out;
    this.batchesPerStep = batchesPerStep;
  }

  @Override
  public void on(TrainingEvent event) {
    switch (event) {
      case TrainingEvent.Started e -> {
        batchesPerEpoch = e.batchesPerEpoch();
        stepsPerEpoch = Math.max(1, e.stepsPerEpoch());
      }
      case TrainingEvent.Step e -> step(e);
      case TrainingEvent.Evaluated e ->
          out.println(
              "| end of step %d | train loss %s | valid loss %s |"
                  .formatted(
                      e.step(),
                      TextbookConsole.loss(e.trainLoss()),
                      TextbookConsole.loss(e.validationLoss())));
      case TrainingEvent.Sampled e ->
          out.println("| sample | " + TextbookConsole.oneLine(e.text()));
      default -> {}
    }
  }

  private void step(TrainingEvent.Step e) {
    long done = e.stepInEpoch() + 1;
    long batches = Math.min(done * batchesPerStep, batchesPerEpoch);
    long own = batches - e.stepInEpoch() * batchesPerStep;
    lossSum += e.loss() * own;
    milliseconds += e.milliseconds();
    count += own;
    long interval = Math.max(1, stepsPerEpoch / LINES_PER_EPOCH);
    if (done % interval != 0 && done != stepsPerEpoch) {
      return;
    }
    out.println(
        String.format(
            Locale.ROOT,
            "| epoch %3d | %5d/%5d batches | lr %s | ms/batch %.2f | loss %.3f |",
            e.epoch(),
            batches,
            batchesPerEpoch,
            (float) e.learningRate(),
            milliseconds / count,
            lossSum / count));
    lossSum = 0;
    milliseconds = 0;
    count = 0;
  }
}
