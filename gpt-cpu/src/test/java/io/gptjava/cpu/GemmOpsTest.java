package io.gptjava.cpu;

import io.gptjava.core.Backend;
import io.gptjava.core.contract.HeadContract;
import io.gptjava.core.contract.LinearContract;
import java.util.List;
import org.junit.jupiter.api.Nested;

/** The ops on the matrix product, on two threads and bit for bit on one and three. */
class GemmOpsTest {
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
  }
}
