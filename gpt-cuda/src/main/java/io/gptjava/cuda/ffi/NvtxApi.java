package io.gptjava.cuda.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.List;

/**
 * NVTX ranges, which name what a thread does in the timeline of Nsight Systems. The calls cost
 * nothing to speak of when no profiler listens. See NVIDIA, <i>NVTX C API</i>.
 */
public final class NvtxApi {
  /** The name in CUDA 12.9 and later, then the one before. */
  private static final List<String> SONAMES = List.of("libnvtx3interop.so.1", "libnvToolsExt.so.1");

  private static final MethodHandle PUSH = handle(FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle POP = handle(FunctionDescriptor.of(JAVA_INT));

  private final MemorySegment rangePush;
  private final MemorySegment rangePop;

  /** Binds the functions of a library. */
  public NvtxApi(NativeLibrary library) {
    rangePush = library.address("nvtxRangePushA");
    rangePop = library.address("nvtxRangePop");
  }

  /** Looks for NVTX. */
  public static LibrarySearch search(LibraryFinder finder) {
    return finder.find("NVTX", "nvtxRangePushA", SONAMES);
  }

  @SuppressWarnings("restricted")
  private static MethodHandle handle(FunctionDescriptor function) {
    return Linker.nativeLinker().downcallHandle(function);
  }

  /** Begins a range on this thread; the name is a zero-terminated text. */
  public void push(MemorySegment name) {
    try {
      int depth = (int) PUSH.invokeExact(rangePush, name);
      assert depth >= -2 : depth;
    } catch (Throwable t) {
      throw NativeFunction.broken(t);
    }
  }

  /** Ends the innermost range of this thread. */
  public void pop() {
    try {
      int depth = (int) POP.invokeExact(rangePop);
      assert depth >= -2 : depth;
    } catch (Throwable t) {
      throw NativeFunction.broken(t);
    }
  }
}
