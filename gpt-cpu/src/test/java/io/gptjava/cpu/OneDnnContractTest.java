package io.gptjava.cpu;

import io.gptjava.core.Backend;
import io.gptjava.core.contract.HeadContract;
import io.gptjava.core.contract.LinearContract;
import io.gptjava.cpu.onednn.OneDnn;
import java.util.List;
import org.junit.jupiter.api.Nested;

/**
 * The contract of the ops on the matrix product, by oneDNN; on two threads and bit for bit on one
 * and three.
 */
final class OneDnnContractTest {
  @Nested
  class Linear extends LinearContract {
    @Override
    protected Backend open() {
      return new CpuBackend(2, OneDnn.api());
    }

    @Override
    protected List<Backend> openTwins() {
      return List.of(new CpuBackend(1, OneDnn.api()), new CpuBackend(3, OneDnn.api()));
    }
  }

  @Nested
  class Head extends HeadContract {
    @Override
    protected Backend open() {
      return new CpuBackend(2, OneDnn.api());
    }

    @Override
    protected List<Backend> openTwins() {
      return List.of(new CpuBackend(1, OneDnn.api()), new CpuBackend(3, OneDnn.api()));
    }
  }
}
