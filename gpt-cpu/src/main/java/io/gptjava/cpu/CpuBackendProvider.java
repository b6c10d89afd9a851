package io.gptjava.cpu;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.BackendProvider;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.cpu.onednn.OneDnnSupport;
import java.util.Optional;

/** The CPU backend: there on every machine. */
public final class CpuBackendProvider implements BackendProvider {
  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public int priority() {
    return 0;
  }

  @Override
  public Optional<String> reasonUnavailable(BackendOptions options) {
    return Optional.empty();
  }

  @Override
  public Backend open(BackendOptions options) {
    int wanted = options.threads();
    int threads = wanted > 0 ? wanted : Runtime.getRuntime().availableProcessors();
    if (options.cpuMatmul() == BackendOptions.CpuMatmul.VECTOR) {
      return new CpuBackend(threads, () -> OneDnnSupport.look(options.cache()));
    }
    OneDnnSupport support = OneDnnSupport.look(options.cache());
    return new CpuBackend(
        threads,
        support
            .api()
            .orElseThrow(
                () ->
                    new GptException(
                        Failure.DEVICE,
                        "--cpu-matmul onednn cannot run here: %s%nuse --cpu-matmul vector, which needs no library"
                            .formatted(String.join("; ", support.reasons())))));
  }
}
