package io.gptjava.core;

/**
 * Number formats of a run. Masters, moments, gradients of weights, statistics and losses are fp32
 * in all of them; what differs is what the model computes with.
 */
public enum Precision {
  /** All fp32. */
  FP32(DType.F32),
  /** fp32 storage, matrix products in TF32. */
  TF32(DType.F32),
  /** bf16 weights and activations. */
  BF16(DType.BF16),
  /** fp16 weights and activations, dynamic loss scaling. */
  FP16(DType.F16);

  private final DType compute;

  Precision(DType compute) {
    this.compute = compute;
  }

  /** Type of weights and activations in the model's ops. */
  public DType compute() {
    return compute;
  }
}
