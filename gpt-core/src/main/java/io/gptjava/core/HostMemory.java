package io.gptjava.core;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Zeroed, aligned host memory for backends that compute on the host; freed together. */
public final class HostMemory implements AutoCloseable {
  /** Alignment of every allocation: a cache line, and an AVX-512 vector. */
  public static final long ALIGNMENT = 64;

  private final Arena arena = Arena.ofShared();

  /**
   * Allocates zeroed memory; blocks of 2 MiB and more begin on a huge page.
   *
   * @throws GptException with {@link Failure#CAPACITY} if the system refuses
   */
  public Memory allocate(String role, long bytes) {
    if (bytes >= HugePages.SIZE && HugePages.linux().isPresent()) {
      MemorySegment segment =
          HugePages.linux()
              .get()
              .allocate(arena, bytes)
              .orElseThrow(() -> refused(role, bytes, null));
      return new Memory(role, segment, true);
    }
    try {
      return new Memory(role, arena.allocate(Math.max(bytes, 1), ALIGNMENT), true);
    } catch (OutOfMemoryError e) {
      throw refused(role, bytes, e);
    }
  }

  private static GptException refused(String role, long bytes, Throwable cause) {
    return new GptException(
        Failure.CAPACITY,
        "%s need %,d MiB that the system does not have; lower --batch-size, --context-length or the model"
            .formatted(role, bytes >> 20),
        cause);
  }

  /** Copies host bytes into a host tensor of the same byte size. */
  public static void upload(MemorySegment host, Tensor tensor) {
    checkSize(host, tensor);
    MemorySegment.copy(host, 0, tensor.segment(), 0, tensor.byteSize());
  }

  /** Copies a host tensor into host memory of the same byte size. */
  public static void download(Tensor tensor, MemorySegment host) {
    checkSize(host, tensor);
    MemorySegment.copy(tensor.segment(), 0, host, 0, tensor.byteSize());
  }

  private static void checkSize(MemorySegment host, Tensor tensor) {
    if (host.byteSize() != tensor.byteSize()) {
      throw new IllegalArgumentException(
          host.byteSize() + " bytes for " + tensor + " of " + tensor.byteSize());
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
