package io.gptjava.cuda.ffi;

import io.gptjava.core.Failure;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The outcome of looking for one library.
 *
 * @param name what was looked for
 * @param library what was found
 * @param rejected the places before it, in order, and why each was passed over
 */
public record LibrarySearch(String name, Optional<NativeLibrary> library, List<Rejected> rejected) {
  /** Copies the list. */
  public LibrarySearch {
    rejected = List.copyOf(rejected);
  }

  /**
   * A place that was tried in vain.
   *
   * @param candidate file, or bare name given to the system's loader
   * @param why finds out why not; asking the loader takes a while, and not everyone wants to know
   */
  public record Rejected(String candidate, Supplier<String> why) {
    /** Why it was passed over. */
    public String reason() {
      return why.get();
    }

    @Override
    public String toString() {
      return candidate + ": " + reason();
    }
  }

  /** The places that were tried in vain, in one line. */
  public String reasons() {
    return String.join("; ", rejected.stream().map(Rejected::toString).toList());
  }

  /**
   * The library.
   *
   * @param hint what to do if it is missing
   * @throws CudaException if it was not found
   */
  public NativeLibrary require(String hint) {
    return library.orElseThrow(
        () -> new CudaException(Failure.DEVICE, "Loading " + name, "not found", reasons(), hint));
  }
}
