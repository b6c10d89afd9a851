package io.gptjava.core.contract;

import io.gptjava.core.Backend;
import io.gptjava.core.Precision;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** The fp16 contract can be met, and by rounding alone. */
@Execution(ExecutionMode.CONCURRENT)
final class RoundedFp16ReferenceContractTest extends Fp16OpsContract {
  @Override
  protected Backend open() {
    return new RoundedReferenceBackend(Precision.FP16);
  }
}
