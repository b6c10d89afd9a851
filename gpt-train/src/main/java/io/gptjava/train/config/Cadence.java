package io.gptjava.train.config;

/**
 * How often something happens.
 *
 * @param steps after every so many optimizer steps (when {@code step % steps == 0}, step from 0); 0
 *     for never
 * @param epoch also after each epoch
 */
public record Cadence(int steps, boolean epoch) {
  /** Never. */
  public static final Cadence NEVER = new Cadence(0, false);

  /** Every so many steps. */
  public static Cadence every(int steps) {
    return new Cadence(steps, false);
  }

  /** After each epoch. */
  public static Cadence everyEpoch() {
    return new Cadence(0, true);
  }

  /** Whether it is due after this step. */
  public boolean dueAt(long step) {
    return steps > 0 && step % steps == 0;
  }
}
