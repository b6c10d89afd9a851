package io.gptjava.cuda;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.contract.OpsContract;
import org.junit.jupiter.api.BeforeAll;

/** The contract in fp16. */
final class CudaFp16ContractTest extends OpsContract {
  @BeforeAll
  static void find() {
    CudaUnderTest.options();
  }

  @Override
  protected Backend open() {
    return new CudaBackend(CudaUnderTest.options());
  }

  @Override
  protected DType type() {
    return DType.F16;
  }
}
