package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.train.corpus.ShardJob;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Shows how far tokenising is: on a terminal one line that is written over and over, elsewhere a
 * line now and then; shards on standard output.
 */
final class TokenizeProgress implements ShardJob.Progress {
  private static final long TERMINAL_NANOS = 200_000_000L;
  private static final long PLAIN_NANOS = 10_000_000_000L;

  private final CliContext context;
  private final long totalBytes;
  private final LongSupplier clock;
  private final long begin;
  private long firstBytes = -1;
  private long firstTokens;
  private long shown;
  private boolean lineOpen;

  /**
   * A display.
   *
   * @param totalBytes of all files
   * @param clock nanoseconds
   */
  TokenizeProgress(CliContext context, long totalBytes, LongSupplier clock) {
    this.context = context;
    this.totalBytes = totalBytes;
    this.clock = clock;
    begin = clock.getAsLong();
    shown = begin;
  }

  @Override
  public void resumed(long tokens) {
    firstTokens = tokens;
    context.err().println(String.format(Locale.ROOT, "Going on after %,d tokens", tokens));
  }

  @Override
  public void advanced(long fileBytes, long tokens) {
    if (firstBytes < 0) {
      firstBytes = firstTokens > 0 ? fileBytes : 0; // what was read again costs little
    }
    long now = clock.getAsLong();
    if (now - shown < (context.terminal() ? TERMINAL_NANOS : PLAIN_NANOS)) {
      return;
    }
    shown = now;
    double seconds = (now - begin) * 1e-9;
    double bytesPerSecond = (fileBytes - firstBytes) / seconds;
    String line =
        String.format(
            Locale.ROOT,
            "%3.0f %%  %,.1f of %,.1f MB  %.1f MB/s  %,d tokens  %,.0f tokens/s  %s left",
            100.0 * fileBytes / Math.max(1, totalBytes),
            fileBytes * 1e-6,
            totalBytes * 1e-6,
            bytesPerSecond * 1e-6,
            tokens,
            (tokens - firstTokens) / seconds,
            left(bytesPerSecond > 0 ? (totalBytes - fileBytes) / bytesPerSecond : 0));
    if (context.terminal()) {
      context.err().print("\r" + line + "\u001b[K");
      context.err().flush();
      lineOpen = true;
    } else {
      context.err().println(line);
    }
  }

  private static String left(double seconds) {
    Duration d = Duration.ofSeconds(Math.round(seconds));
    return "%d:%02d:%02d".formatted(d.toHours(), d.toMinutesPart(), d.toSecondsPart());
  }

  @Override
  public void shard(Path file, int tokens) {
    finish();
    context.out().println(String.format(Locale.ROOT, "%s: %,d tokens", file, tokens));
  }

  /** Ends the line that is being written over. */
  void finish() {
    if (lineOpen) {
      context.err().print("\r\u001b[K");
      context.err().flush();
      lineOpen = false;
    }
  }
}
