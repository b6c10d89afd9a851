package io.gptjava.cpu;

import io.gptjava.core.Backend;
import io.gptjava.core.contract.OpsContract;
import java.util.List;

/** The contract on one thread; two and three threads must repeat it bit for bit. */
final class CpuContractTest extends OpsContract {
  @Override
  protected Backend open() {
    return new CpuBackend(1);
  }

  @Override
  protected List<Backend> openTwins() {
    return List.of(new CpuBackend(2), new CpuBackend(3));
  }
}
