package io.gptjava.train.config;

/**
 * What a run keeps, and what it does when training goes wrong.
 *
 * @param save when to write a checkpoint; one is always written at the end
 * @param keep newest checkpoints to keep besides the best; 0 for all
 * @param onNan what to do when the loss is no longer finite
 * @param stopAfterNoImprovement evaluations without a better validation loss before stopping; 0 for
 *     never
 * @param spikes what to do when the loss or the gradient norm jumps
 */
public record KeepConfig(
    Cadence save, int keep, OnNan onNan, int stopAfterNoImprovement, SpikeGuardConfig spikes) {
  /** What to do about a loss that is not a finite number. */
  public enum OnNan {
    /** Stop the run. */
    STOP,
    /** Go back to the last good weights and leave the offending data out. */
    ROLLBACK
  }

  /** Without a guard against spikes. */
  public KeepConfig(Cadence save, int keep, OnNan onNan, int stopAfterNoImprovement) {
    this(save, keep, onNan, stopAfterNoImprovement, SpikeGuardConfig.OFF);
  }

  /**
   * When checkpoints are due: {@link #save}, or, where that is never and a spike would send the run
   * back to its beginning, after each window of the guard.
   */
  public Cadence due() {
    boolean goesBack = spikes.action() == SpikeGuardConfig.Action.ROLLBACK;
    return goesBack && save.equals(Cadence.NEVER) ? Cadence.every(spikes.window()) : save;
  }
}
