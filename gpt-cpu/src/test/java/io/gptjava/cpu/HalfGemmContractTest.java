package io.gptjava.cpu;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.contract.LinearContract;

/** The contract of the linear ops in bf16 without oneDNN. */
final class HalfGemmContractTest extends LinearContract {
  @Override
  protected Backend open() {
    return new CpuBackend(2);
  }

  @Override
  protected DType type() {
    return DType.BF16;
  }
}
