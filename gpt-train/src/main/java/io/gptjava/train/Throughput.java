package io.gptjava.train;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Tokens a second, over the last steps and over all. Only the steps' own time counts: what lies
 * between them (evaluating, sampling, saving) does not.
 */
final class Throughput {
  /** Steps of the window. */
  static final int WINDOW = 20;

  private final Deque<Sample> window = new ArrayDeque<>();
  private long windowTokens;
  private long windowNanos;
  private long tokens;
  private long nanos;

  private record Sample(long tokens, long nanos) {}

  /** Adds a step. */
  void add(long stepTokens, long stepNanos) {
    window.add(new Sample(stepTokens, stepNanos));
    windowTokens += stepTokens;
    windowNanos += stepNanos;
    tokens += stepTokens;
    nanos += stepNanos;
    if (window.size() > WINDOW) {
      Sample oldest = window.remove();
      windowTokens -= oldest.tokens;
      windowNanos -= oldest.nanos;
    }
  }

  /** Tokens a second over the last {@value #WINDOW} steps. */
  double recent() {
    return windowTokens / (windowNanos * 1e-9);
  }

  /** Tokens a second over all steps; NaN before the first. */
  double overall() {
    return tokens / seconds();
  }

  /** Time of all steps. */
  double seconds() {
    return nanos * 1e-9;
  }
}
