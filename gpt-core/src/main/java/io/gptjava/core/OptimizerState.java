package io.gptjava.core;

import java.util.List;

/**
 * What AdamW works on: flat tensors of one layout, and the ranges that decay.
 *
 * @param parameters master weights (P) F32
 * @param gradients (P) F32
 * @param firstMoment m (P) F32
 * @param secondMoment v (P) F32
 * @param computeOrNull (P) the weights as the model computes with them, in its lower precision:
 *     written beside the masters, rounded to nearest even, or by chance if {@link AdamWSettings}
 *     say so; null where the masters serve
 * @param ranges the parameter tensors in order of their offset; padding between them belongs to
 *     none
 */
public record OptimizerState(
    Tensor parameters,
    Tensor gradients,
    Tensor firstMoment,
    Tensor secondMoment,
    Tensor computeOrNull,
    List<ParameterRange> ranges) {

  /** Copies the list of ranges. */
  public OptimizerState {
    ranges = List.copyOf(ranges);
  }

  /**
   * One parameter tensor in the flat layout.
   *
   * @param offset its first element; a multiple of 16
   * @param count number of elements
   * @param decay whether weight decay applies
   */
  public record ParameterRange(long offset, long count, boolean decay) {}
}
