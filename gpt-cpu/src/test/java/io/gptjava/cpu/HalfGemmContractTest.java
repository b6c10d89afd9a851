package io.gptjava.cpu;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.contract.HeadContract;
import io.gptjava.core.contract.LinearContract;
import java.util.List;
import org.junit.jupiter.api.Nested;

/** The contract of the ops on the matrix product, in bf16 without oneDNN. */
final class HalfGemmContractTest {
  @Nested
  class Linear extends LinearContract {
    @Override
    protected Backend open() {
      return new CpuBackend(2);
    }

    @Override
    protected List<Backend> openTwins() {
      return List.of(new CpuBackend(1), new CpuBackend(3));
    }

    @Override
    protected DType type() {
      return DType.BF16;
    }
  }

  @Nested
  class Head extends HeadContract {
    @Override
    protected Backend open() {
      return new CpuBackend(2);
    }

    @Override
    protected List<Backend> openTwins() {
      return List.of(new CpuBackend(1), new CpuBackend(3));
    }

    @Override
    protected DType type() {
      return DType.BF16;
    }
  }
}
