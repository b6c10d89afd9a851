package io.gptjava.cuda;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.BackendProvider;
import java.util.List;
import java.util.Optional;

/** The CUDA backend: before the CPU in {@code --backend auto} where a GPU can run it. */
public final class CudaBackendProvider implements BackendProvider {
  private static final String EMULATOR = "Host emulator";

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public int priority() {
    return 10;
  }

  /** Whoever wants the host emulator, a test instrument, asks for it by name. */
  @Override
  public boolean automatic(BackendOptions options) {
    List<CudaSupport.Gpu> gpus = CudaSupport.look(options).gpus();
    return !gpus.isEmpty() && gpus.stream().noneMatch(gpu -> gpu.name().startsWith(EMULATOR));
  }

  @Override
  public Optional<String> reasonUnavailable(BackendOptions options) {
    return CudaSupport.look(options).reasonUnavailable();
  }

  @Override
  public Backend open(BackendOptions options) {
    return new CudaBackend(options);
  }
}
