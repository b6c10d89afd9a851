package io.gptjava.cuda.blas;

import io.gptjava.core.BackendOptions;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.cuda.device.CudaDevice;
import org.junit.jupiter.api.Assumptions;

final class JCudaBlasTest extends BlasContract {
  @Override
  Blas open(CudaDevice device, BackendOptions options) {
    try {
      return new JCudaBlas(device, false);
    } catch (GptException e) {
      Assumptions.assumeTrue(e.failure() != Failure.DEVICE, e.getMessage());
      throw e;
    }
  }
}
