package io.gptjava.cli.run;

import io.gptjava.cli.config.Layer;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.Settings;
import io.gptjava.cli.config.SettingsResolver;
import io.gptjava.cli.config.TrainConfigs;
import io.gptjava.core.Backend;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.model.ModelSize;
import java.util.List;
import java.util.Locale;

/**
 * The micro-batch of a run that only says how many tokens an optimizer step has: the largest number
 * of sequences that divides the step's and fits into the memory that is available, with a part left
 * for what no plan knows. On a CPU no more than its matrix products profit from.
 *
 * @param batchSize sequences in a micro-batch
 * @param sequence tokens of each
 * @param accumulate micro-batches in a step
 * @param reason why not more, for people
 */
record AutomaticBatch(int batchSize, int sequence, int accumulate, String reason) {
  /**
   * Tokens of a micro-batch in host memory, unless a single sequence is longer. The rows of a
   * product that keep all processors at their rate are fewer, and more rows only take memory.
   */
  private static final int HOST_TOKENS = 1024;

  /** Of the memory that is available. */
  private static final double SHARE = 0.95;

  /**
   * Chooses for a run.
   *
   * @param config whose micro-batches make up the right step, however it is split
   */
  static AutomaticBatch choose(Backend backend, TrainConfig config) {
    long available = RunMemory.available(backend).orElse(Long.MAX_VALUE);
    return choose(backend, config, available);
  }

  /** {@link #choose(Backend, TrainConfig)} for a given number of bytes. */
  static AutomaticBatch choose(Backend backend, TrainConfig config, long available) {
    BatchConfig batch = config.batch();
    int sequence = batch.sequenceLength();
    long sequences = (long) batch.batchSize() * batch.accumulate();
    long capacity = (long) (SHARE * available);
    int fits = RunMemory.largestBatch(backend, ModelSize.of(config), capacity).orElse(1);
    boolean host = backend.availableBytes().isEmpty();
    int useful = host ? Math.max(1, HOST_TOKENS / sequence) : Integer.MAX_VALUE;
    int chosen = TrainConfigs.largestDivisor(sequences, Math.min(fits, useful));
    String reason =
        chosen == sequences
            ? "the whole step"
            : fits < useful
                ? "the most that fits into " + RunMemory.gib(available)
                : "more does not make a CPU faster";
    return new AutomaticBatch(chosen, sequence, Math.toIntExact(sequences / chosen), reason);
  }

  /** A run with these micro-batches. */
  TrainConfig applied(TrainConfig config) {
    return config.withBatch(
        new BatchConfig(batchSize, sequence, accumulate, config.batch().duration()));
  }

  /** Settings that record the choice, so that a resumed run keeps it. */
  ResolvedSettings applied(ResolvedSettings settings) {
    Layer layer = new Layer();
    layer.put(
        Settings.ALL.get("batch-size"),
        List.of(Integer.toString(batchSize)),
        "--batch-size",
        "automatic");
    return SettingsResolver.change(settings, layer);
  }

  /** One line. */
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "Batch size: %,d sequences of %,d tokens, %,d times a step (%s)",
        batchSize,
        sequence,
        accumulate,
        reason);
  }
}
