package io.gptjava.core;

import java.util.Optional;

/** Finds and opens one kind of backend; registered for {@link java.util.ServiceLoader}. */
public interface BackendProvider {
  /** Short name, as given to {@code --backend}. */
  String name();

  /** Place in the order in which {@code --backend auto} tries; negative: never tried. */
  int priority();

  /**
   * Whether {@code --backend auto} may take it with these options where it can run; not, for
   * example, if they lead to a test instrument instead of a device.
   */
  default boolean automatic(BackendOptions options) {
    return priority() >= 0;
  }

  /**
   * Why this backend cannot run here with these options, in lines for people; empty if it can.
   * Never throws.
   */
  Optional<String> reasonUnavailable(BackendOptions options);

  /**
   * Opens the backend.
   *
   * @throws GptException with {@link Failure#DEVICE} if it cannot run here
   */
  Backend open(BackendOptions options);
}
