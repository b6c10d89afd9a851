package io.gptjava.train;

import io.gptjava.core.StepOutputs;
import java.util.function.Supplier;

/**
 * A step whose ops have been issued and whose results nobody has looked at yet.
 *
 * @param before where the run stood
 * @param after where it stands if the update is not skipped
 * @param learningRate of the step
 * @param begin {@link System#nanoTime} when the host began it
 * @param outputs waits for the results
 */
record IssuedStep(
    TrainerState before,
    TrainerState after,
    double learningRate,
    long begin,
    Supplier<StepOutputs> outputs) {
  /** Number of the step. */
  long number() {
    return before.step();
  }

  /** Tokens of the step. */
  long tokens() {
    return after.tokens() - before.tokens();
  }
}
