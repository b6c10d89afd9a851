package io.gptjava.cuda;

import io.gptjava.core.Backend;
import io.gptjava.core.contract.Fp16OpsContract;
import org.junit.jupiter.api.BeforeAll;

/** The contract in fp16. */
final class CudaFp16ContractTest extends Fp16OpsContract {
  @BeforeAll
  static void find() {
    CudaUnderTest.options();
  }

  @Override
  protected Backend open() {
    return new CudaBackend(CudaUnderTest.options());
  }
}
