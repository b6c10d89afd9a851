package io.gptjava.train.config;

import io.gptjava.core.AdamWSettings;
import io.gptjava.core.GptConfig;
import io.gptjava.core.Precision;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Everything that decides what a run computes. Where the run's files go, which device runs it and
 * how it is shown on a console are not in here: they do not change the result.
 *
 * @param name short name of the run: the preset's
 * @param model shape of the model
 * @param initialization how weights begin
 * @param initFrom checkpoint or Hugging Face folder to take the weights from instead
 * @param precision number formats: fp32 (tf32, bf16, fp16 where the backend has them)
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
        1,
        new WatchConfig(Cadence.every(50), 5, Cadence.NEVER, "The", 40, Set.of()),
        new KeepConfig(Cadence.NEVER, 0, KeepConfig.OnNan.STOP, 0));
  }

  /** The same with other data. */
  public TrainConfig withData(DataConfig data) {
    return new TrainConfig(
        name,
        data,
        model,
        initialization,
        initFrom,
        batch,
        optimizer,
        precision,
        seed,
        watch,
        keep);
  }

  /** The same with other batches, or another length of the run. */
  public TrainConfig withBatch(BatchConfig batch) {
    return new TrainConfig(
        name,
        data,
        model,
        initialization,
        initFrom,
        batch,
        optimizer,
        precision,
        seed,
        watch,
        keep);
  }

  /** The same with another optimizer. */
  public TrainConfig withOptimizer(OptimizerConfig optimizer) {
    return new TrainConfig(
        name,
        data,
        model,
        initialization,
        initFrom,
        batch,
        optimizer,
        precision,
        seed,
        watch,
        keep);
  }

  /** The same with other number formats. */
  public TrainConfig withPrecision(Precision precision) {
    return new TrainConfig(
        name,
        data,
        model,
        initialization,
        initFrom,
        batch,
        optimizer,
        precision,
        seed,
        watch,
        keep);
  }

  /** The same with other reports. */
  public TrainConfig withWatch(WatchConfig watch) {
    return new TrainConfig(
        name,
        data,
        model,
        initialization,
        initFrom,
        batch,
        optimizer,
        precision,
        seed,
        watch,
        keep);
  }

  /** The same with other checkpoints. */
  public TrainConfig withKeep(KeepConfig keep) {
    return new TrainConfig(
        name,
        data,
        model,
        initialization,
        initFrom,
        batch,
        optimizer,
        precision,
        seed,
        watch,
        keep);
  }
}
