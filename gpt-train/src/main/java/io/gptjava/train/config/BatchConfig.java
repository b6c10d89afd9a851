package io.gptjava.train.config;

/**
 * How much one step trains on, and how many steps there are.
 *
 * @param batchSize B, sequences in a micro-batch
 * @param sequenceLength T, training window in tokens, at most the model's context length
 * @param accumulate micro-batches in an optimizer step
 * @param duration how long to train
 */
public record BatchConfig(int batchSize, int sequenceLength, int accumulate, Duration duration) {}
