package io.gptjava.core.contract;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** The bf16 contract can be met, and by rounding alone. */
@Execution(ExecutionMode.CONCURRENT)
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
