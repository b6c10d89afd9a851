package io.gptjava.cpu;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.contract.LinearContract;
import java.util.List;

/** The contract of the linear ops in bf16 without oneDNN. */
final class HalfGemmContractTest extends LinearContract {
  @Override
  protected Backend open() {
    return new CpuBackend(2);
  }

  @Override
  protected List<Backend> openTwins() {
    return List.of(new CpuBackend(1));
  }

  @Override
  protected DType type() {
    return DType.BF16;
  }
}
