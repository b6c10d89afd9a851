package io.gptjava.cuda.device;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gptjava.core.BackendOptions;
import io.gptjava.core.DType;
import io.gptjava.core.Memory;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.CudaUnderTest;
import io.gptjava.cuda.ffi.CudaException;
import io.gptjava.cuda.ffi.FunctionAttribute;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Launches and recorded launches, with the kernel {@code fill_32(to, unsigned bits, int64 count)}.
 */
final class KernelTest {
  private static final int COUNT = 1000;
  private static final long BYTES = COUNT * 4L;
  private static final int THREADS = 256;

  private CudaDevice device;
  private DeviceMemory memory;
  private Tensor tensor;
  private Kernel fill;

  @BeforeEach
  void open() {
    device = CudaDevice.open(CudaUnderTest.options());
    memory = device.allocate("numbers", BYTES);
    MemorySegment segment = MemorySegment.ofAddress(memory.address());
    tensor = view(segment);
    fill = device.kernel("fill_32");
  }

  @SuppressWarnings("restricted")
  private static Tensor view(MemorySegment segment) {
    return Tensor.of(new Memory("numbers", segment.reinterpret(BYTES), false), 0, DType.I32, COUNT);
  }

  @AfterEach
  void close() {
    if (device != null) {
      memory.close();
      device.close();
    }
  }

  private int[] numbers() {
    try (PinnedMemory host = device.allocatePinned("host", BYTES)) {
      device.stream().download(memory.address(), host.segment());
      device.stream().synchronize();
      return host.segment().toArray(JAVA_INT);
    }
  }

  private void fill(int bits, long count) {
    fill.pointer(tensor).uint32(bits).int64(count).launch(1, 1, 1, THREADS, 0);
  }

  private static int[] filled(int first, int count, int rest) {
    int[] numbers = new int[COUNT];
    Arrays.fill(numbers, 0, count, first);
    Arrays.fill(numbers, count, COUNT, rest);
    return numbers;
  }

  @Test
  void argumentsArrive() {
    fill(-5, COUNT);
    fill(0x89abcdef, 10);
    assertArrayEquals(filled(0x89abcdef, 10, -5), numbers());
  }

  @Test
  void kernelsAreKept() {
    assertEquals("fill_32", fill.name());
    assertTrue(fill == device.kernel("fill_32"));
    assertTrue(fill.attribute(FunctionAttribute.MAX_THREADS_PER_BLOCK) >= THREADS);
    assertTrue(fill.activeBlocksPerMultiprocessor(THREADS, 0) >= 1);
  }

  @Test
  void wrongArgumentsAreRefusedByName() {
    assertRefused(
        "kernel fill_32 takes 3 arguments, 1 were given",
        () -> fill.pointer(tensor).launch(1, 1, 1, THREADS, 0));
    assertRefused(
        "argument 1 of kernel fill_32 has 4 bytes, not 8", () -> fill.pointer(tensor).int64(3));
    assertRefused(
        "kernel fill_32 takes 3 arguments, not more",
        () -> fill.pointer(tensor).uint32(0).int64(0).float32(1));
    fill(1, COUNT);
    assertArrayEquals(filled(1, COUNT, 1), numbers());
  }

  @Test
  void impossibleShapesAreRefused() {
    assertRefused("fill_32<<<(0, 1, 1), 256, 0>>>", () -> launch(0, 1, THREADS, 0));
    assertRefused("fill_32<<<(1, 70000, 1), 256, 0>>>", () -> launch(1, 70_000, THREADS, 0));
    assertRefused("fill_32<<<(1, 1, 1), 1025, 0>>>", () -> launch(1, 1, 1025, 0));
    assertRefused("bytes of shared memory", () -> launch(1, 1, THREADS, 1 << 20));
  }

  private void launch(int gridX, int gridY, int threads, int sharedBytes) {
    fill.pointer(tensor).uint32(0).int64(0).launch(gridX, gridY, 1, threads, sharedBytes);
  }

  @Test
  void moreSharedMemoryThanTheDefaultIsAskedFor() {
    fill.pointer(tensor).uint32(9).int64(COUNT).launch(1, 1, 1, THREADS, 64 << 10);
    assertArrayEquals(filled(9, COUNT, 9), numbers());
  }

  private static void assertRefused(String words, Runnable launch) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, launch::run);
    assertTrue(e.getMessage().contains(words), e.getMessage());
  }

  @Test
  void unknownKernelsListWhatThereIs() {
    assertRefused("no kernel abacus in the PTX of this build", () -> device.kernel("abacus"));
  }

  @Test
  void recordedWorkRunsWhenReplayed() {
    fill(0, COUNT);
    try (DeviceMemory other = device.allocate("copy", BYTES);
        Graph graph =
            device.stream()
                .capture(
                    "fill and copy",
                    () -> {
                      device.stream().copy(memory.address(), other.address(), BYTES);
                      fill(6, 20);
                      assertTrue(device.stream().capturing());
                    });
        GraphExec exec = graph.instantiate()) {
      assertEquals(2, graph.nodes());
      assertArrayEquals(filled(0, COUNT, 0), numbers(), "recording runs nothing");
      fill(3, COUNT);
      exec.launch(device.stream());
      assertArrayEquals(filled(6, 20, 3), numbers());
      exec.launch(device.stream());
      device.stream().copy(other.address(), memory.address(), BYTES);
      assertArrayEquals(filled(6, 20, 3), numbers());
    }
  }

  @Test
  void waitingCannotBeRecorded() {
    CudaException e =
        assertThrows(
            CudaException.class,
            () -> device.stream().capture("waits", () -> device.stream().synchronize()));
    assertTrue(e.code().startsWith("CUDA_ERROR_STREAM_CAPTURE"), e.code());
    assertTrue(e.hint().contains("--sync-kernels"), e.getMessage());
    fill(4, COUNT);
    assertArrayEquals(filled(4, COUNT, 4), numbers());
  }

  @Test
  void errorsOfRecordedWorkComeOut() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> device.stream().capture("fails", () -> launch(0, 1, THREADS, 0)));
    assertTrue(e.getMessage().contains("fill_32"), e.getMessage());
    fill(4, COUNT);
    assertArrayEquals(filled(4, COUNT, 4), numbers());
  }

  /** The emulator knows freed memory; what a GPU does with it cannot be told. */
  @Test
  void aKernelThatFailsIsNamedWhenKernelsAreWaitedFor() {
    assumeTrue(!CudaUnderTest.real(), "these tests run on a GPU");
    CudaException e =
        assertThrows(CudaException.class, () -> fillFreedMemory(CudaUnderTest.options()));
    assertEquals("CUDA_ERROR_ILLEGAL_ADDRESS", e.code());
    assertFalse(e.call().contains("fill_32"), e.getMessage());
    assertTrue(e.hint().contains("--sync-kernels"), e.getMessage());
    e =
        assertThrows(
            CudaException.class,
            () -> fillFreedMemory(CudaUnderTest.options().withSyncKernels(true)));
    assertEquals(
        "cuStreamSynchronize of kernel fill_32<<<(1, 1, 1), 256, 0>>>", e.call(), e.getMessage());
  }

  /** On a device of its own, as the failure is its end. */
  private void fillFreedMemory(BackendOptions options) {
    close();
    device = null;
    try (CudaDevice victim = CudaDevice.open(options)) {
      long freed = victim.allocate(BYTES);
      victim.free(freed);
      victim.kernel("fill_32").address(freed).uint32(1).int64(3).launch(1, 1, 1, THREADS, 0);
      victim.stream().synchronize();
    }
  }

  @Test
  void synchronousKernelsGiveTheSame() {
    try (CudaDevice slow = CudaDevice.open(CudaUnderTest.options().withSyncKernels(true))) {
      assertTrue(slow.syncKernels());
      slow.kernel("fill_32").pointer(tensor).uint32(8).int64(COUNT).launch(1, 1, 1, THREADS, 0);
      assertTrue(slow.stream().done());
    }
    assertArrayEquals(filled(8, COUNT, 8), numbers());
  }

  /** NVTX ranges name each kernel to a profiler when kernels are waited for, a failed one too. */
  @Test
  void rangesNameKernelsThatAreWaitedFor() {
    assumeTrue(!CudaUnderTest.real(), "only the emulator tells what was pushed");
    try (Arena arena = Arena.ofConfined()) {
      RangeLog log = new RangeLog(CudaUnderTest.options().cudaLibrary().orElseThrow(), arena);
      log.read();
      fill(1, COUNT);
      assertEquals("", log.read());
      try (CudaDevice slow = CudaDevice.open(CudaUnderTest.options().withSyncKernels(true))) {
        Kernel kernel = slow.kernel("fill_32");
        kernel.pointer(tensor).uint32(8).int64(COUNT).launch(1, 1, 1, THREADS, 0);
        assertEquals("<fill_32>", log.read());
      }
      assertThrows(
          CudaException.class,
          () -> fillFreedMemory(CudaUnderTest.options().withSyncKernels(true)));
      assertEquals("<fill_32>", log.read());
    }
  }

  /** What the emulator's NVTX was told, by all threads. */
  private static final class RangeLog {
    private static final int BYTES = 1 << 12;

    private final MethodHandle function;
    private final MemorySegment text;

    @SuppressWarnings("restricted")
    RangeLog(Path library, Arena arena) {
      function =
          Linker.nativeLinker()
              .downcallHandle(
                  SymbolLookup.libraryLookup(library, arena).findOrThrow("nvtxEmulatorLog"),
                  FunctionDescriptor.of(JAVA_LONG, ADDRESS, JAVA_LONG));
      text = arena.allocate(BYTES);
    }

    /** "&lt;name" for a push, "&gt;" for a pop, since the last call. */
    String read() {
      try {
        long length = (long) function.invokeExact(text, (long) BYTES);
        assertTrue(length < BYTES, () -> length + " bytes of ranges");
        return text.getString(0);
      } catch (Throwable t) {
        throw new AssertionError(t);
      }
    }
  }
}
