package io.gptjava.core;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * Large memory straight from Linux, in 2 MiB pages where the system grants them: with 4 KiB pages,
 * reading a column of a weight matrix misses the address translation cache on every row. {@code
 * -XX:+UseTransparentHugePages} asks for them on the Java heap only.
 */
final class HugePages {
  /** Size of a huge page on x86-64 and on most of AArch64. */
  static final long SIZE = 2L << 20;

  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
  private static final int MADV_HUGEPAGE = 14;
  private static final long MAP_FAILED = -1;

  private static final Optional<HugePages> LINUX = bind();

  private final MethodHandle mmap;
  private final MethodHandle munmap;
  private final MethodHandle madvise;

  private HugePages(MethodHandle mmap, MethodHandle munmap, MethodHandle madvise) {
    this.mmap = mmap;
    this.munmap = munmap;
    this.madvise = madvise;
  }

  /** The calls, on Linux. */
  static Optional<HugePages> linux() {
    return LINUX;
  }

  @SuppressWarnings("restricted") // three functions of the C library with their documented types
  private static Optional<HugePages> bind() {
    if (!System.getProperty("os.name").equals("Linux")) {
      return Optional.empty();
    }
    Linker linker = Linker.nativeLinker();
    SymbolLookup library = linker.defaultLookup();
    ValueLayout.OfLong address = ValueLayout.JAVA_LONG;
    ValueLayout.OfLong size = ValueLayout.JAVA_LONG;
    ValueLayout.OfInt integer = ValueLayout.JAVA_INT;
    return library
        .find("mmap")
        .flatMap(
            mmap ->
                library
                    .find("munmap")
                    .flatMap(
                        munmap ->
                            library
                                .find("madvise")
                                .map(
                                    madvise ->
                                        new HugePages(
                                            linker.downcallHandle(
                                                mmap,
                                                FunctionDescriptor.of(
                                                    address,
                                                    address,
                                                    size,
                                                    integer,
                                                    integer,
                                                    integer,
                                                    ValueLayout.JAVA_LONG)),
                                            linker.downcallHandle(
                                                munmap,
                                                FunctionDescriptor.of(integer, address, size)),
                                            linker.downcallHandle(
                                                madvise,
                                                FunctionDescriptor.of(
                                                    integer, address, size, integer))))));
  }

  /**
   * Zeroed memory that begins on a huge page and lives as long as the arena.
   *
   * @return empty if the system refuses
   */
  @SuppressWarnings("restricted") // the segment is the mapping, unmapped with its arena
  Optional<MemorySegment> allocate(Arena arena, long bytes) {
    long mapped = bytes + SIZE;
    try {
      long address =
          (long) mmap.invokeExact(0L, mapped, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L);
      if (address == MAP_FAILED) {
        return Optional.empty();
      }
      long begin = (address + SIZE - 1) / SIZE * SIZE;
      int refused = (int) madvise.invokeExact(begin, bytes, MADV_HUGEPAGE);
      assert refused <= 0; // without huge pages the memory is only slower
      return Optional.of(
          MemorySegment.ofAddress(begin)
              .reinterpret(bytes, arena, ignored -> unmap(address, mapped)));
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e); // a downcall throws nothing else
    }
  }

  private void unmap(long address, long bytes) {
    try {
      int failed = (int) munmap.invokeExact(address, bytes);
      assert failed == 0;
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
