package io.gptjava.cuda.device;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Page-locked host memory: what copies that run beside the host need at both ends. Touching its
 * segment after {@link #close()} throws.
 */
public final class PinnedMemory extends DeviceResource {
  private static final int PORTABLE = 1;

  private final String role;
  private final Arena arena = Arena.ofShared();
  private final long address;
  private final MemorySegment segment;

  @SuppressWarnings("restricted")
  PinnedMemory(CudaDevice device, String role, long bytes) {
    super(device);
    this.role = role;
    this.address = device.driver().allocateHost(Math.max(1, bytes), PORTABLE);
    this.segment = MemorySegment.ofAddress(address).reinterpret(bytes, arena, null);
    opened();
  }

  /** The memory. Its content is undefined at first. */
  public MemorySegment segment() {
    checkOpen();
    return segment;
  }

  @Override
  void release() {
    arena.close();
    device().driver().freeHost(address);
  }

  @Override
  public String toString() {
    return "pinned memory \"%s\" of %,d bytes".formatted(role, segment.byteSize());
  }
}
