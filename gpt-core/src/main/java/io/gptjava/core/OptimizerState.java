package io.gptjava.core;

import java.util.List;

/**
 * What AdamW works on: four flat fp32 tensors of one layout, and the ranges that decay.
 *
 * @param parameters master weights (P)
 * @param gradients (P)
 * @param firstMoment m (P)
 * @param secondMoment v (P)
 * @param ranges the parameter tensors in order of their offset; padding between them belongs to
 *     none
 */
public record OptimizerState(
    Tensor parameters,
    Tensor gradients,
    Tensor firstMoment,
    Tensor secondMoment,
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
