package io.gptjava.train;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.data.BatchSource;

/**
 * How many optimizer steps a run has. The last step of an epoch takes the micro-batches that are
 * left.
 *
 * @param stepsPerEpoch steps of one pass over the training batches
 * @param totalSteps steps of the whole run
 */
public record RunLength(long stepsPerEpoch, long totalSteps) {
  /**
   * The length of a run over these batches.
   *
   * @throws GptException with {@link Failure#DATA} if there is no training batch
   */
  public static RunLength of(BatchConfig config, BatchSource training) {
    if (training.batches() == 0) {
      throw new GptException(
          Failure.DATA,
          "the training data does not fill one batch of %d windows; lower --batch-size or add data"
              .formatted(training.batchSize()));
    }
    long perEpoch = Math.ceilDiv((long) training.batches(), config.accumulate());
    long amount = config.duration().amount();
    long total =
        switch (config.duration().unit()) {
          case EPOCHS -> Math.multiplyExact(amount, perEpoch);
          case STEPS -> amount;
          case TOKENS -> {
            long batchTokens = (long) training.batchSize() * training.sequence();
            long epochTokens = batchTokens * training.batches();
            long rest = Math.ceilDiv(amount % epochTokens, batchTokens * config.accumulate());
            yield amount / epochTokens * perEpoch + rest;
          }
        };
    return new RunLength(perEpoch, total);
  }
}
