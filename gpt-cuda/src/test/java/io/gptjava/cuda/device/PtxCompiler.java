package io.gptjava.cuda.device;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * NVIDIA's PTX compiler as JCuda carries it: assembles PTX for a GPU that is not there. See NVIDIA,
 * <i>PTX Compiler APIs</i>.
 */
final class PtxCompiler {
  private static final String RESOURCE = "/lib/libJNvPTXCompiler-12.6.0-linux-x86_64.so";

  private final SymbolLookup symbols;

  private PtxCompiler(SymbolLookup symbols) {
    this.symbols = symbols;
  }

  /** Loads it from JCuda's jar, copied to a folder, for as long as the arena lives. */
  @SuppressWarnings("restricted")
  static PtxCompiler load(Path folder, Arena arena) throws IOException {
    Path library = folder.resolve("libJNvPTXCompiler.so");
    try (InputStream in = PtxCompiler.class.getResourceAsStream(RESOURCE)) {
      if (in == null) {
        throw new IOException(RESOURCE + " is not on the class path");
      }
      Files.copy(in, library);
    }
    return new PtxCompiler(SymbolLookup.libraryLookup(library, arena));
  }

  /**
   * Assembles PTX.
   *
   * @param gpu such as {@code sm_80}
   * @return what it complains about; empty if it succeeded
   */
  String assemble(String ptx, String gpu) throws Throwable {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocateFrom(ptx);
      MemorySegment handle = arena.allocate(ADDRESS);
      check(
          (int)
              function("nvPTXCompilerCreate", ADDRESS, JAVA_LONG, ADDRESS)
                  .invokeExact(handle, text.byteSize() - 1, text));
      MemorySegment compiler = handle.get(ADDRESS, 0);
      try {
        MemorySegment options = arena.allocate(ADDRESS);
        options.set(ADDRESS, 0, arena.allocateFrom("--gpu-name=" + gpu));
        int status =
            (int)
                function("nvPTXCompilerCompile", ADDRESS, JAVA_INT, ADDRESS)
                    .invokeExact(compiler, 1, options);
        return status == 0 ? "" : "status %d: %s".formatted(status, errorLog(compiler, arena));
      } finally {
        check((int) function("nvPTXCompilerDestroy", ADDRESS).invokeExact(handle));
      }
    }
  }

  private String errorLog(MemorySegment compiler, Arena arena) throws Throwable {
    MemorySegment size = arena.allocate(JAVA_LONG);
    check(
        (int)
            function("nvPTXCompilerGetErrorLogSize", ADDRESS, ADDRESS).invokeExact(compiler, size));
    MemorySegment log = arena.allocate(size.get(JAVA_LONG, 0) + 1);
    check((int) function("nvPTXCompilerGetErrorLog", ADDRESS, ADDRESS).invokeExact(compiler, log));
    return log.getString(0);
  }

  private static void check(int status) {
    if (status != 0) {
      throw new IllegalStateException("the PTX compiler's interface failed: status " + status);
    }
  }

  @SuppressWarnings("restricted")
  private MethodHandle function(String name, MemoryLayout... arguments) {
    return Linker.nativeLinker()
        .downcallHandle(symbols.findOrThrow(name), FunctionDescriptor.of(JAVA_INT, arguments));
  }
}
