package io.gptjava.train.config;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Precision;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Everything that decides what a run computes. Where the run's files go, which device runs it and
 * how it is shown on a console are not in here: they do not change the result.
 *
 * @param name short name of the run: the preset's
 * @param model shape of the model
 * @param initialization how weights begin
 * @param initFrom checkpoint or Hugging Face folder to take the weights from instead
 * @param precision number formats: fp32 (tf32, bf16, fp16 where the backend has them)
 * @param recompute what backward computes again to save memory; changes no result
 * @param seed of every random stream
 */
public record TrainConfig(
    String name,
    DataConfig data,
    GptConfig model,
    Initialization initialization,
    Optional<Path> initFrom,
    BatchConfig batch,
    OptimizerConfig optimizer,
    Precision precision,
    Recompute recompute,
    long seed,
    WatchConfig watch,
    KeepConfig keep) {

  /** How weights begin. */
  public enum Initialization {
    /** GPT-2: normal(0, 0.02), residual projections divided by √(2·layers), zero biases. */
    GPT2,
    /** PyTorch's defaults: embeddings normal(0, 1), linear layers uniform(±1/√inputs). */
    PYTORCH
  }

  /**
   * A run over text files with settings that suit a small model: batches of 8 sequences of the
   * context length, AdamW with learning rate 1e-3, warm-up and cosine decay, clipping at norm 1,
   * evaluation every 50 steps, a checkpoint at the end.
   *
   * @param steps optimizer steps
   * @param text files or folders
   */
  public static TrainConfig of(GptConfig model, int steps, Path... text) {
    return new TrainConfig(
        "run",
        new DataConfig(List.of(text), List.of(), 0.9, 0, 0, true, true),
        model,
        Initialization.GPT2,
        Optional.empty(),
        new BatchConfig(8, model.contextLength(), 1, new Duration(Duration.Unit.STEPS, steps)),
        new OptimizerConfig(
            new AdamWSettings(0.9f, 0.95f, 1e-8f, 0.1f),
            false,
            1e-3,
            0,
            1e-4,
            OptimizerConfig.Schedule.COSINE,
            0,
            0.05,
            1,
            false),
        Precision.FP32,
        Recompute.NONE,
        1,
        new WatchConfig(Cadence.every(50), 5, Cadence.NEVER, "The", 40, Set.of()),
        new KeepConfig(Cadence.NEVER, 0, KeepConfig.OnNan.STOP, 0));
  }

  /** The same with other data. */
  public TrainConfig withData(DataConfig data) {
    return with(copy -> copy.data = data);
  }

  /** The same with other batches, or another length of the run. */
  public TrainConfig withBatch(BatchConfig batch) {
    return with(copy -> copy.batch = batch);
  }

  /** The same with another optimizer. */
  public TrainConfig withOptimizer(OptimizerConfig optimizer) {
    return with(copy -> copy.optimizer = optimizer);
  }

  /** The same with other number formats. */
  public TrainConfig withPrecision(Precision precision) {
    return with(copy -> copy.precision = precision);
  }

  /** The same with other recomputation. */
  public TrainConfig withRecompute(Recompute recompute) {
    return with(copy -> copy.recompute = recompute);
  }

  /** The same with other reports. */
  public TrainConfig withWatch(WatchConfig watch) {
    return with(copy -> copy.watch = watch);
  }

  /** The same with other checkpoints. */
  public TrainConfig withKeep(KeepConfig keep) {
    return with(copy -> copy.keep = keep);
  }

  private TrainConfig with(Consumer<Copy> change) {
    Copy copy = new Copy(this);
    change.accept(copy);
    return copy.build();
  }

  /** A copy in which components that can be replaced are variables. */
  private static final class Copy {
    private final TrainConfig original;
    private DataConfig data;
    private BatchConfig batch;
    private OptimizerConfig optimizer;
    private Precision precision;
    private Recompute recompute;
    private WatchConfig watch;
    private KeepConfig keep;

    Copy(TrainConfig original) {
      this.original = original;
      data = original.data;
      batch = original.batch;
      optimizer = original.optimizer;
      precision = original.precision;
      recompute = original.recompute;
      watch = original.watch;
      keep = original.keep;
    }

    TrainConfig build() {
      return new TrainConfig(
          original.name,
          data,
          original.model,
          original.initialization,
          original.initFrom,
          batch,
          optimizer,
          precision,
          recompute,
          original.seed,
          watch,
          keep);
    }
  }
}
