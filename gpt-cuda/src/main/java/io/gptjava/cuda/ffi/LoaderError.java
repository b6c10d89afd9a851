package io.gptjava.cuda.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** The dynamic loader's own words for why a library cannot be loaded, which Java drops. */
final class LoaderError {
  private static final String UNKNOWN = "cannot be loaded";
  private static final int RTLD_LAZY = 1;
  private static final long TEXT_LIMIT = 4096;

  private LoaderError() {}

  /** Tries once more and asks {@code dlerror}. */
  @SuppressWarnings("restricted")
  static String of(String library) {
    Linker linker = Linker.nativeLinker();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment open = linker.defaultLookup().find("dlopen").orElse(null);
      MemorySegment error = linker.defaultLookup().find("dlerror").orElse(null);
      if (open == null || error == null) {
        return UNKNOWN;
      }
      MethodHandle dlopen =
          linker.downcallHandle(open, FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT));
      MethodHandle dlerror = linker.downcallHandle(error, FunctionDescriptor.of(ADDRESS));
      MemorySegment name = arena.allocateFrom(library);
      MemorySegment handle = (MemorySegment) dlopen.invokeExact(name, RTLD_LAZY);
      MemorySegment text = (MemorySegment) dlerror.invokeExact();
      if (handle.address() != 0 || text.address() == 0) {
        return UNKNOWN;
      }
      String words = text.reinterpret(TEXT_LIMIT).getString(0);
      return words.startsWith(library + ": ") ? words.substring(library.length() + 2) : words;
    } catch (Throwable t) {
      throw NativeFunction.broken(t);
    }
  }
}
