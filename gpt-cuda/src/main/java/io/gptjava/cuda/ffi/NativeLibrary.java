package io.gptjava.cuda.ffi;

import io.gptjava.core.Failure;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.Optional;

/**
 * A shared library that was found and loaded. It stays loaded until the program ends: NVIDIA's
 * libraries do not support being unloaded.
 *
 * @param name what it is, such as {@code cublasLt}
 * @param path the file it came from
 * @param symbols its functions
 */
public record NativeLibrary(String name, String path, SymbolLookup symbols) {
  /** Address of a function, if the library has it. */
  public Optional<MemorySegment> find(String symbol) {
    return symbols.find(symbol);
  }

  /**
   * Address of a function.
   *
   * @throws CudaException if the library does not have it
   */
  public MemorySegment address(String symbol) {
    return symbols
        .find(symbol)
        .orElseThrow(
            () ->
                new CudaException(
                    Failure.DEVICE,
                    "Looking up %s in %s".formatted(symbol, path),
                    "no such function",
                    "",
                    "This build needs CUDA 12 or 13: update the NVIDIA driver and libraries;"
                        + " gpt doctor shows what was found."));
  }
}
