package io.gptjava.cli.console;

import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import java.io.PrintStream;
import java.util.Optional;
import java.util.function.Function;

/** Chooses how a run appears on the console. */
public final class Consoles {
  private Consoles() {}

  /**
   * A listener that prints what happens, warnings on standard error.
   *
   * @param style value of {@code --log-style}
   * @param terminal whether {@code out} is a terminal
   * @param batchesPerStep micro-batches of an optimizer step
   */
  public static TrainingListener text(
      String style, PrintStream out, PrintStream err, boolean terminal, int batchesPerStep) {
    TrainingListener console =
        switch (style) {
          case "textbook" -> new TextbookConsole(out);
          case "batch" -> new BatchConsole(out);
          case "pipeline" -> new PipelineConsole(out, batchesPerStep);
          default -> new DefaultConsole(out, terminal, System::nanoTime);
        };
    TrainingListener warnings = quiet(err);
    return event -> {
      console.on(event);
      warnings.on(event);
    };
  }

  /** A listener that prints only warnings, and the steps that fp16 skipped. */
  public static TrainingListener quiet(PrintStream err) {
    return event -> {
      if (event instanceof TrainingEvent.Warning warning) {
        err.println("warning: " + warning.message());
      } else if (event instanceof TrainingEvent.LossScaled scaled && scaled.skipped()) {
        err.println(
            "warning: step %d: gradients beyond fp16, its update was skipped; loss scale now %s"
                .formatted(scaled.step(), scaled.scale()));
      }
    };
  }

  /**
   * A listener that prints each event as one line of JSON.
   *
   * @param encode the line of an event; empty to leave it out
   */
  public static TrainingListener json(
      PrintStream out, Function<TrainingEvent, Optional<String>> encode) {
    return event -> {
      encode.apply(event).ifPresent(out::println);
      out.flush();
    };
  }
}
