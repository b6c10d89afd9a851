package io.gptjava.benchmarks.kernels;

import io.gptjava.benchmarks.OpCost;
import java.util.function.IntConsumer;

/**
 * One op at one shape, its operands allocated and filled.
 *
 * @param family group of ops
 * @param name op, with its matrix for matrix products
 * @param calls how often one training step makes this call; 0 for ops that training does not use
 * @param cost of one call
 * @param run makes one call; takes its operands by the index it is given, so that calls with
 *     successive indices find none of them in the cache
 * @param note why the CPU backend stays below the roof, where that is known; may be empty
 */
record KernelCase(
    String family, String name, int calls, OpCost cost, IntConsumer run, String note) {
  /** An op without a note. */
  KernelCase(String family, String name, int calls, OpCost cost, IntConsumer run) {
    this(family, name, calls, cost, run, "");
  }

  /** The same with what keeps the CPU backend below the roof. */
  KernelCase onCpu(String reason) {
    return new KernelCase(family, name, calls, cost, run, reason);
  }
}
