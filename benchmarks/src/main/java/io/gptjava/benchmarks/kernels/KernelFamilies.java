package io.gptjava.benchmarks.kernels;

import io.gptjava.core.Backend;
import java.util.List;

/** The ops in groups, each of which fits in memory by itself. */
final class KernelFamilies {
  private KernelFamilies() {}

  /** Makes the cases of a group on a backend. */
  interface Family {
    /** The cases; their operands live as long as the backend. */
    List<KernelCase> cases(Backend backend, CaseOperands operands, KernelShapes shapes);
  }

  /** All groups, in the order of a step's forward pass. */
  static List<Family> all() {
    return List.of(
        EmbeddingKernels::embedding,
        NormKernels::normalisation,
        LinearKernels::linear,
        NormKernels::elementwise,
        AttentionKernels::attention,
        HeadKernels::head,
        HeadKernels::optimizer,
        AttentionKernels::decoding);
  }
}
