package io.gptjava.core.reference;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.BackendProvider;
import java.util.Optional;

/** The reference backend: there on every machine, never chosen by itself. */
public final class ReferenceBackendProvider implements BackendProvider {
  @Override
  public String name() {
    return "reference";
  }

  @Override
  public int priority() {
    return -1;
  }

  @Override
  public Optional<String> reasonUnavailable(BackendOptions options) {
    return Optional.empty();
  }

  @Override
  public Backend open(BackendOptions options) {
    return new ReferenceBackend();
  }
}
