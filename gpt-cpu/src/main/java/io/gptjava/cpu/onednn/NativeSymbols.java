package io.gptjava.cpu.onednn;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** What a binding rests on: addresses by name, handles by signature. */
abstract class NativeSymbols {
  private final SymbolLookup symbols;

  NativeSymbols(SymbolLookup symbols) {
    this.symbols = symbols;
  }

  /**
   * Address of a function.
   *
   * @throws IllegalArgumentException if it is missing; its message names it
   */
  final MemorySegment find(String symbol) {
    return symbols
        .find(symbol)
        .orElseThrow(() -> new IllegalArgumentException("no function " + symbol));
  }

  /** Handle of a function whose address is its first argument. */
  @SuppressWarnings("restricted")
  static MethodHandle handle(FunctionDescriptor function) {
    return Linker.nativeLinker().downcallHandle(function);
  }

  /** Handle of a function that returns a status. */
  static MethodHandle status(MemoryLayout... arguments) {
    return handle(FunctionDescriptor.of(ValueLayout.JAVA_INT, arguments));
  }

  /** Throws unless the status is success (0). */
  static void check(String call, int status) {
    if (status != 0) {
      throw new OneDnnException(call, status);
    }
  }

  /** Rethrows; a downcall declares Throwable but throws nothing checked. */
  static IllegalStateException broken(Throwable cause) {
    if (cause instanceof RuntimeException unchecked) {
      throw unchecked;
    }
    if (cause instanceof Error error) {
      throw error;
    }
    throw new IllegalStateException(cause);
  }
}
