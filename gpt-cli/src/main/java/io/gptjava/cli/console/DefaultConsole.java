package io.gptjava.cli.console;

import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import java.io.PrintStream;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * On a terminal one live line with progress and remaining time, under the lines that stay; without
 * one, plain lines at a readable pace.
 */
final class DefaultConsole implements TrainingListener {
  private static final int BAR = 20;
  private static final int PLAIN_LINES = 20;
  private static final long LIVE_NANOS = 100_000_000L;
  private static final long PLAIN_NANOS = 30_000_000_000L;
  private static final String CLEAR = "\r\033[K";

  private final PrintStream out;
  private final boolean terminal;
  private final LongSupplier clock;
  private long totalSteps = 1;
  private long firstStep;
  private long began;
  private long lastShown;
  private boolean live;

  /**
   * A console.
   *
   * @param clock nanoseconds, as {@link System#nanoTime}
   */
  DefaultConsole(PrintStream out, boolean terminal, LongSupplier clock) {
    this.out = out;
    this.terminal = terminal;
    this.clock = clock;
  }

  @Override
  public void on(TrainingEvent event) {
    switch (event) {
      case TrainingEvent.Started e -> {
        totalSteps = Math.max(1, e.totalSteps());
        firstStep = Math.max(0, e.resumedFrom());
        began = clock.getAsLong();
        lastShown = began;
      }
      case TrainingEvent.Step e -> step(e);
      case TrainingEvent.Evaluated e -> evaluated(e);
      case TrainingEvent.Sampled e -> line("  sample: " + TextbookConsole.oneLine(e.text()));
      case TrainingEvent.Saved e ->
          line("  saved %s in %s".formatted(e.folder(), seconds(e.milliseconds())));
      case TrainingEvent.EpochEnded _ -> {}
      case TrainingEvent.Warning _ -> clear();
      case TrainingEvent.LossScaled _ -> clear();
      case TrainingEvent.Ended e -> ended(e);
    }
  }

  private void step(TrainingEvent.Step e) {
    long now = clock.getAsLong();
    long done = e.step() + 1;
    if (terminal) {
      if (now - lastShown >= LIVE_NANOS || done == totalSteps) {
        out.print(CLEAR + liveLine(e, done, now));
        out.flush();
        live = true;
        lastShown = now;
      }
      return;
    }
    long interval = Math.max(1, Math.ceilDiv(totalSteps, PLAIN_LINES));
    if (e.step() == firstStep || done % interval == 0 || now - lastShown >= PLAIN_NANOS) {
      out.println(
          String.format(
              Locale.ROOT,
              "step %d/%d  epoch %d  loss %.3f  lr %.2e  %,.0f tok/s  %s left",
              done,
              totalSteps,
              e.epoch(),
              e.loss(),
              e.learningRate(),
              e.tokensPerSecond(),
              remaining(done, now)));
      lastShown = now;
    }
  }

  private String liveLine(TrainingEvent.Step e, long done, long now) {
    int filled = (int) (BAR * done / totalSteps);
    return String.format(
        Locale.ROOT,
        "%3d %% [%s%s] %d/%d  loss %.3f  %,.0f tok/s  %s left",
        100 * done / totalSteps,
        "=".repeat(filled),
        " ".repeat(BAR - filled),
        done,
        totalSteps,
        e.loss(),
        e.tokensPerSecond(),
        remaining(done, now));
  }

  private String remaining(long done, long now) {
    double perStep = (now - began) * 1e-9 / Math.max(1, done - firstStep);
    return duration(perStep * (totalSteps - done));
  }

  private void evaluated(TrainingEvent.Evaluated e) {
    String validation =
        Double.isNaN(e.validationLoss())
            ? ""
            : "  validation loss " + TextbookConsole.loss(e.validationLoss());
    line(
        "step %d  epoch %d  train loss %s%s"
            .formatted(e.step() + 1, e.epoch(), TextbookConsole.loss(e.trainLoss()), validation));
  }

  private void ended(TrainingEvent.Ended e) {
    line(
        String.format(
            Locale.ROOT,
            "%s after %d steps, %,d tokens; %s here",
            e.reason(),
            e.step() + 1,
            e.tokens(),
            duration(e.seconds())));
  }

  private void line(String text) {
    clear();
    out.println(text);
  }

  private void clear() {
    if (live) {
      out.print(CLEAR);
      out.flush();
      live = false;
    }
  }

  private static String seconds(double milliseconds) {
    return String.format(Locale.ROOT, "%.1f s", milliseconds * 1e-3);
  }

  /** Hours, minutes and seconds. */
  static String duration(double seconds) {
    long whole = Math.round(seconds);
    return whole >= 3600
        ? String.format(Locale.ROOT, "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
        : String.format(Locale.ROOT, "%d:%02d", whole / 60, whole % 60);
  }
}
