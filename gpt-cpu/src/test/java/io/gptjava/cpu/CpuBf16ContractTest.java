package io.gptjava.cpu;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.contract.OpsContract;
import io.gptjava.cpu.onednn.OneDnn;
import io.gptjava.cpu.onednn.OneDnnSupport;
import java.util.List;

/**
 * The contract in bf16, products by oneDNN where the processor has them, on one thread; two and
 * three threads must repeat it bit for bit.
 */
final class CpuBf16ContractTest extends OpsContract {
  @Override
  protected Backend open() {
    return backend(1);
  }

  @Override
  protected List<Backend> openTwins() {
    return List.of(backend(2), backend(3));
  }

  private static Backend backend(int threads) {
    return new CpuBackend(threads, () -> OneDnnSupport.of(OneDnn.api()));
  }

  @Override
  protected DType type() {
    return DType.BF16;
  }
}
