package io.gptjava.train.config;

import io.gptjava.core.GptConfig;
import java.nio.file.Path;
import java.util.Optional;

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

  /** Number formats of a run. */
  public enum Precision {
    /** All fp32. */
    FP32,
    /** fp32 storage, matrix products in TF32. */
    TF32,
    /** bf16 weights and activations, fp32 masters. */
    BF16,
    /** fp16 weights and activations, fp32 masters, dynamic loss scaling. */
    FP16
  }
}
