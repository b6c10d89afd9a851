package io.gptjava.train;

import io.gptjava.core.StepOutputs;
import io.gptjava.train.data.DataSpan;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A step whose ops have been issued and whose results nobody has looked at yet.
 *
 * @param before where the run stood
 * @param after where it stands if the update is not skipped
 * @param data what the step trains on
 * @param learningRate of the step
 * @param begin {@link System#nanoTime} when the host began it
 * @param dropped why its update was never issued, if so
 * @param outputs waits for the results
 */
record IssuedStep(
    TrainerState before,
    TrainerState after,
    DataSpan data,
    double learningRate,
    long begin,
    Optional<Spike> dropped,
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
