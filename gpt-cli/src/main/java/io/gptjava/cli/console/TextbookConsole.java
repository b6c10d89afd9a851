package io.gptjava.cli.console;

import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import java.io.PrintStream;
import java.util.Locale;

/** The lines of "Build a Large Language Model (From Scratch)", chapter 5. */
final class TextbookConsole implements TrainingListener {
  private final PrintStream out;

  TextbookConsole(PrintStream out) {
    this.out = out;
  }

  @Override
  public void on(TrainingEvent event) {
    switch (event) {
      case TrainingEvent.Evaluated e ->
          out.println(
              "Ep %d (Step %06d): Train loss %s, Val loss %s"
                  .formatted(e.epoch(), e.step(), loss(e.trainLoss()), loss(e.validationLoss())));
      case TrainingEvent.Sampled e -> out.println(oneLine(e.text()));
      default -> {}
    }
  }

  /** Three decimals, and {@code nan} as Python writes it. */
  static String loss(double loss) {
    return Double.isNaN(loss) ? "nan" : String.format(Locale.ROOT, "%.3f", loss);
  }

  /** Newlines become spaces. */
  static String oneLine(String text) {
    return text.replace("\r\n", " ").replace('\n', ' ').replace('\r', ' ');
  }
}
