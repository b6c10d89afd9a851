package io.gptjava.core;

import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/** Looks up the backends on the class path. */
public final class Backends {
  private Backends() {}

  /** All providers, the preferred first. */
  public static List<BackendProvider> providers() {
    return ServiceLoader.load(BackendProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .sorted(Comparator.comparingInt(BackendProvider::priority).reversed())
        .toList();
  }

  /**
   * Opens a backend by name, or the best available for {@code auto}.
   *
   * @throws GptException with {@link Failure#USAGE} for an unknown name, {@link Failure#DEVICE} if
   *     the backend cannot run here
   */
  public static Backend open(String name, BackendOptions options) {
    List<BackendProvider> providers = providers();
    boolean auto = name.equals("auto");
    for (BackendProvider provider : providers) {
      boolean wanted =
          auto
              ? provider.automatic(options) && provider.reasonUnavailable(options).isEmpty()
              : provider.name().equals(name);
      if (wanted) {
        return provider.open(options);
      }
    }
    String known = providers.stream().map(BackendProvider::name).collect(Collectors.joining(", "));
    throw new GptException(
        auto ? Failure.DEVICE : Failure.USAGE,
        "--backend %s is not available; choose one of: auto, %s".formatted(name, known));
  }
}
