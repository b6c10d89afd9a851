package io.gptjava.cuda;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.DType;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.contract.HeadContract;
import io.gptjava.core.contract.LinearContract;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;

/**
 * The contract of the ops that multiply matrices, with {@code --blas jcuda}; the rest is up to the
 * contract of {@code Blas}.
 */
final class JCudaContractTest {
  private static CudaBackend open() {
    return new CudaBackend(CudaUnderTest.options().withBlas(BackendOptions.Blas.JCUDA));
  }

  /** Skips with the reason where JCuda's natives cannot be loaded. */
  @BeforeAll
  static void find() {
    try {
      open().close();
    } catch (GptException e) {
      assumeTrue(e.failure() != Failure.DEVICE, e.getMessage());
      throw e;
    }
  }

  @Nested
  final class Linear extends LinearContract {
    @Override
    protected Backend open() {
      return JCudaContractTest.open();
    }
  }

  @Nested
  final class HeadInFp16 extends HeadContract {
    @Override
    protected Backend open() {
      return JCudaContractTest.open();
    }

    @Override
    protected DType type() {
      return DType.F16;
    }
  }

  @Nested
  final class HeadInBf16 extends HeadContract {
    @Override
    protected Backend open() {
      return JCudaContractTest.open();
    }

    @Override
    protected DType type() {
      return DType.BF16;
    }
  }
}
