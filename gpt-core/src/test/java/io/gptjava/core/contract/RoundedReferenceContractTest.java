package io.gptjava.core.contract;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;

/** The bf16 contract can be met, and by rounding alone. */
final class RoundedReferenceContractTest extends OpsContract {
  @Override
  protected Backend open() {
    return new RoundedReferenceBackend();
  }

  @Override
  protected DType type() {
    return DType.BF16;
  }
}
