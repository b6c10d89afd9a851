package io.gptjava.train.report;

import io.gptjava.core.GptException;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Keeps {@code report.html} of a run up to date: written with an evaluation, but not more often
 * than every few seconds, nor so often that it takes more than a fiftieth of the time.
 */
public final class ReportWriter implements TrainingListener {
  /** The report's name in the folder of a run. */
  public static final String FILE = "report.html";

  private static final long LEAST_NANOS = 5_000_000_000L;
  private static final long SHARE = 50;

  private final RunReport report;
  private final LongSupplier clock;
  private long due;

  /**
   * A writer.
   *
   * @param clock nanoseconds, as {@link System#nanoTime}
   */
  public ReportWriter(RunReport report, LongSupplier clock) {
    this.report = report;
    this.clock = clock;
    due = clock.getAsLong();
  }

  @Override
  public void on(TrainingEvent event) {
    if (event instanceof TrainingEvent.Evaluated && clock.getAsLong() - due >= 0) {
      write(); // if it fails, so does the last, which is told
    }
  }

  /**
   * Writes it now.
   *
   * @return why it could not be written; empty if it was
   */
  public Optional<String> write() {
    long begin = clock.getAsLong();
    Path file = report.run().resolve(FILE);
    try {
      ReportPage.of(List.of(report)).write(file);
      return Optional.empty();
    } catch (GptException e) {
      return Optional.of("No report: " + e.getMessage());
    } finally {
      long end = clock.getAsLong();
      due = end + Math.max(LEAST_NANOS, SHARE * (end - begin));
    }
  }
}
