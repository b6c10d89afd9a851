package io.gptjava.cuda.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * One C function that returns a status. Method handles are constants, one per signature, so that
 * the compiler sees through them; the address is an argument, because libraries are found at run
 * time. A handle's name spells its arguments: I int, L 64 bits (handle, size, device pointer), A
 * host memory.
 */
final class NativeFunction {
  private static final MethodHandle NONE = status();
  private static final MethodHandle I = status(JAVA_INT);
  private static final MethodHandle L = status(JAVA_LONG);
  private static final MethodHandle A = status(ADDRESS);
  private static final MethodHandle IA = status(JAVA_INT, ADDRESS);
  private static final MethodHandle AI = status(ADDRESS, JAVA_INT);
  private static final MethodHandle AII = status(ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle LL = status(JAVA_LONG, JAVA_LONG);
  private static final MethodHandle LLL = status(JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle AL = status(ADDRESS, JAVA_LONG);
  private static final MethodHandle ALI = status(ADDRESS, JAVA_LONG, JAVA_INT);
  private static final MethodHandle AA = status(ADDRESS, ADDRESS);
  private static final MethodHandle LALL = status(JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle ALLL = status(ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle LLLL = status(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle LILL = status(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle LLI = status(JAVA_LONG, JAVA_LONG, JAVA_INT);
  private static final MethodHandle LI = status(JAVA_LONG, JAVA_INT);
  private static final MethodHandle LA = status(JAVA_LONG, ADDRESS);
  private static final MethodHandle ALL = status(ADDRESS, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle AAIAA = status(ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS);
  private static final MethodHandle ALA = status(ADDRESS, JAVA_LONG, ADDRESS);
  private static final MethodHandle AIL = status(ADDRESS, JAVA_INT, JAVA_LONG);
  private static final MethodHandle LII = status(JAVA_LONG, JAVA_INT, JAVA_INT);
  private static final MethodHandle ALIL = status(ADDRESS, JAVA_LONG, JAVA_INT, JAVA_LONG);
  private static final MethodHandle LAA = status(JAVA_LONG, ADDRESS, ADDRESS);
  private static final MethodHandle LIA = status(JAVA_LONG, JAVA_INT, ADDRESS);
  private static final MethodHandle LIAL = status(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
  private static final MethodHandle AILLL =
      status(ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle AIAL = status(ADDRESS, JAVA_INT, ADDRESS, JAVA_LONG);
  private static final MethodHandle AIALA = status(ADDRESS, JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS);

  private final NativeApi api;
  private final String symbol;
  private final MemorySegment address;

  NativeFunction(NativeApi api, String symbol, MemorySegment address) {
    this.api = api;
    this.symbol = symbol;
    this.address = address;
  }

  /**
   * Handle of a function with these arguments that returns an int; its first argument is the
   * address.
   */
  @SuppressWarnings("restricted")
  static MethodHandle status(MemoryLayout... arguments) {
    return Linker.nativeLinker().downcallHandle(FunctionDescriptor.of(JAVA_INT, arguments));
  }

  /** Where the function is. */
  MemorySegment address() {
    return address;
  }

  /** Throws unless the status is success (0). */
  void check(int status) {
    if (status != 0) {
      throw api.failure(symbol, status);
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

  /** Calls it and returns the status unchecked. */
  int status(long a) {
    try {
      return (int) L.invokeExact(address, a);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /** Calls it and returns the status unchecked. */
  int status(int a, MemorySegment b) {
    try {
      return (int) IA.invokeExact(address, a, b);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /** Calls it and returns the status unchecked. */
  int status(long a, MemorySegment b) {
    try {
      return (int) LA.invokeExact(address, a, b);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  /** Calls it and returns the status unchecked. */
  int status(long a, int b, MemorySegment c) {
    try {
      return (int) LIA.invokeExact(address, a, b, c);
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call() {
    try {
      check((int) NONE.invokeExact(address));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(int a) {
    try {
      check((int) I.invokeExact(address, a));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(long a) {
    try {
      check((int) L.invokeExact(address, a));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a) {
    try {
      check((int) A.invokeExact(address, a));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a, int b) {
    try {
      check((int) AI.invokeExact(address, a, b));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a, int b, int c) {
    try {
      check((int) AII.invokeExact(address, a, b, c));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(long a, long b) {
    try {
      check((int) LL.invokeExact(address, a, b));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(long a, long b, long c) {
    try {
      check((int) LLL.invokeExact(address, a, b, c));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a, long b) {
    try {
      check((int) AL.invokeExact(address, a, b));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a, long b, int c) {
    try {
      check((int) ALI.invokeExact(address, a, b, c));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a, MemorySegment b) {
    try {
      check((int) AA.invokeExact(address, a, b));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(long a, MemorySegment b, long c, long d) {
    try {
      check((int) LALL.invokeExact(address, a, b, c, d));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a, long b, long c, long d) {
    try {
      check((int) ALLL.invokeExact(address, a, b, c, d));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(long a, long b, long c, long d) {
    try {
      check((int) LLLL.invokeExact(address, a, b, c, d));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(long a, int b, long c, long d) {
    try {
      check((int) LILL.invokeExact(address, a, b, c, d));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(long a, long b, int c) {
    try {
      check((int) LLI.invokeExact(address, a, b, c));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(long a, int b) {
    try {
      check((int) LI.invokeExact(address, a, b));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(long a, MemorySegment b) {
    try {
      check((int) LA.invokeExact(address, a, b));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a, long b, long c) {
    try {
      check((int) ALL.invokeExact(address, a, b, c));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a, MemorySegment b, int c, MemorySegment d, MemorySegment e) {
    try {
      check((int) AAIAA.invokeExact(address, a, b, c, d, e));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a, long b, MemorySegment c) {
    try {
      check((int) ALA.invokeExact(address, a, b, c));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a, int b, long c) {
    try {
      check((int) AIL.invokeExact(address, a, b, c));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(long a, int b, int c) {
    try {
      check((int) LII.invokeExact(address, a, b, c));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a, long b, int c, long d) {
    try {
      check((int) ALIL.invokeExact(address, a, b, c, d));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(long a, MemorySegment b, MemorySegment c) {
    try {
      check((int) LAA.invokeExact(address, a, b, c));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(long a, int b, MemorySegment c, long d) {
    try {
      check((int) LIAL.invokeExact(address, a, b, c, d));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a, int b, long c, long d, long e) {
    try {
      check((int) AILLL.invokeExact(address, a, b, c, d, e));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a, int b, MemorySegment c, long d) {
    try {
      check((int) AIAL.invokeExact(address, a, b, c, d));
    } catch (Throwable t) {
      throw broken(t);
    }
  }

  void call(MemorySegment a, int b, MemorySegment c, long d, MemorySegment e) {
    try {
      check((int) AIALA.invokeExact(address, a, b, c, d, e));
    } catch (Throwable t) {
      throw broken(t);
    }
  }
}
