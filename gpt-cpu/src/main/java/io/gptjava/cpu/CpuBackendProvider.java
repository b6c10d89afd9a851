package io.gptjava.cpu;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.BackendProvider;
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
    int threads = options.threads();
    return new CpuBackend(threads > 0 ? threads : Runtime.getRuntime().availableProcessors());
  }
}
