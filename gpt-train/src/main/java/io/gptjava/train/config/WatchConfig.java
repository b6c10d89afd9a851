package io.gptjava.train.config;

import java.util.Set;

/**
 * What a run reports, and how often.
 *
 * @param evaluate when to evaluate
 * @param evaluationBatches most batches of each split per evaluation; 0 for all
 * @param sample when to generate a sample
 * @param samplePrompt text that samples continue
 * @param sampleTokens tokens to generate per sample
 * @param logs files to write besides the folder's own: jsonl, tensorboard, csv
 */
public record WatchConfig(
    Cadence evaluate,
    int evaluationBatches,
    Cadence sample,
    String samplePrompt,
    int sampleTokens,
    Set<String> logs) {
  /** Copies the set. */
  public WatchConfig {
    logs = Set.copyOf(logs);
  }
}
