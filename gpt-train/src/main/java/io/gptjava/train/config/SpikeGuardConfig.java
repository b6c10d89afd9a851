package io.gptjava.train.config;

/**
 * What a run does about a finite loss or gradient norm that jumps.
 *
 * @param action what to do with such a step
 * @param threshold standard deviations above the mean of the window from which on a step jumps
 * @param window good steps that mean and deviation are taken over
 */
public record SpikeGuardConfig(Action action, double threshold, int window) {
  /** No guard. */
  public static final SpikeGuardConfig OFF = new SpikeGuardConfig(Action.OFF, 6, 100);

  /** What to do with a step that jumps. */
  public enum Action {
    /** Nothing, and do not look. */
    OFF,
    /**
     * Drop its update and go on. To know in time, each step is waited for before its update, also
     * on a device.
     */
    SKIP,
    /**
     * Go back to the last checkpoint and leave its data out. Steps are looked at when their results
     * come, on a device one step late.
     */
    ROLLBACK
  }

  /** Checks the numbers. */
  public SpikeGuardConfig {
    if (!(threshold > 0) || window < 2) {
      throw new IllegalArgumentException(threshold + " deviations over " + window + " steps");
    }
  }
}
