package io.gptjava.cuda;

import io.gptjava.core.Tensor;
import io.gptjava.cuda.device.CudaDevice;
import java.lang.foreign.MemorySegment;

/**
 * Copies between host memory of any kind and device memory, in pieces through pinned slots. An
 * upload returns when the host memory may change again, which is before the device has it.
 */
final class HostCopies implements AutoCloseable {
  private static final int SLOTS = 4;
  private static final long SLOT_BYTES = 1 << 20;

  private final CudaDevice device;
  private final PinnedRing ring;

  HostCopies(CudaDevice device) {
    this.device = device;
    ring = new PinnedRing(device, "host copies", SLOTS, SLOT_BYTES);
  }

  void upload(MemorySegment host, Tensor tensor) {
    checkSize(host, tensor);
    long address = tensor.address();
    for (long at = 0; at < host.byteSize(); at += SLOT_BYTES) {
      long bytes = Math.min(SLOT_BYTES, host.byteSize() - at);
      MemorySegment slot = ring.take(bytes);
      MemorySegment.copy(host, at, slot, 0, bytes);
      device.stream().upload(slot, address + at);
      ring.given(device.stream());
    }
  }

  /** While the device fills a slot, the host empties the one before. */
  void download(Tensor tensor, MemorySegment host) {
    checkSize(host, tensor);
    long address = tensor.address();
    long pieces = (host.byteSize() + SLOT_BYTES - 1) / SLOT_BYTES;
    int first = (ring.current() + 1) % SLOTS;
    for (long piece = 0; piece < pieces + SLOTS - 1; piece++) {
      if (piece >= SLOTS - 1) {
        empty(piece - (SLOTS - 1), first, host);
      }
      if (piece < pieces) {
        long at = piece * SLOT_BYTES;
        MemorySegment slot = ring.take(Math.min(SLOT_BYTES, host.byteSize() - at));
        device.stream().download(address + at, slot);
        ring.given(device.stream());
      }
    }
  }

  private void empty(long piece, int first, MemorySegment host) {
    long at = piece * SLOT_BYTES;
    long bytes = Math.min(SLOT_BYTES, host.byteSize() - at);
    MemorySegment slot = ring.await((int) ((first + piece) % SLOTS), bytes);
    MemorySegment.copy(slot, 0, host, at, bytes);
  }

  private static void checkSize(MemorySegment host, Tensor tensor) {
    if (host.byteSize() != tensor.byteSize()) {
      throw new IllegalArgumentException(
          host.byteSize() + " bytes for " + tensor + " of " + tensor.byteSize());
    }
  }

  @Override
  public void close() {
    ring.close();
  }
}
