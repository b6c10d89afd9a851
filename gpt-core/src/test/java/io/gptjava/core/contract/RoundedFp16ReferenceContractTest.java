package io.gptjava.core.contract;

import io.gptjava.core.Backend;
import io.gptjava.core.Precision;

/** The fp16 contract can be met, and by rounding alone. */
final class RoundedFp16ReferenceContractTest extends Fp16OpsContract {
  @Override
  protected Backend open() {
    return new RoundedReferenceBackend(Precision.FP16);
  }
}
