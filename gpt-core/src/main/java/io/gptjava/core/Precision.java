package io.gptjava.core;

/**
 * Number formats of a run. Masters, moments, gradients of weights, statistics and losses are fp32
 * in all of them; what differs is what the model computes with.
 */
public enum Precision {
  /** All fp32. */
  FP32(DType.F32, LossScaling.OFF),
  /** fp32 storage, matrix products in TF32. */
  TF32(DType.F32, LossScaling.OFF),
  /** bf16 weights and activations. */
  BF16(DType.BF16, LossScaling.OFF),
  /** fp16 weights and activations, dynamic loss scaling. */
  FP16(DType.F16, LossScaling.GRAD_SCALER);

  private final DType compute;
  private final LossScaling lossScaling;

  Precision(DType compute, LossScaling lossScaling) {
    this.compute = compute;
    this.lossScaling = lossScaling;
  }

  /** Type of weights and activations in the model's ops. */
  public DType compute() {
    return compute;
  }

  /** How training keeps gradients within the range of {@link #compute()}. */
  public LossScaling lossScaling() {
    return lossScaling;
  }
}
