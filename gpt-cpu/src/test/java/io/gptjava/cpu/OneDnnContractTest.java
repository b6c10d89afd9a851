package io.gptjava.cpu;

import io.gptjava.core.Backend;
import io.gptjava.core.contract.OpsContract;
import io.gptjava.cpu.onednn.OneDnn;
import java.util.List;

/** The contract with matrix products by oneDNN, on two threads and bit for bit on one and three. */
final class OneDnnContractTest extends OpsContract {
  @Override
  protected Backend open() {
    return new CpuBackend(2, OneDnn.api());
  }

  @Override
  protected List<Backend> openTwins() {
    return List.of(new CpuBackend(1, OneDnn.api()), new CpuBackend(3, OneDnn.api()));
  }
}
