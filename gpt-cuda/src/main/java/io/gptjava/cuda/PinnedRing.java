package io.gptjava.cuda;

import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.Event;
import io.gptjava.cuda.device.PinnedMemory;
import io.gptjava.cuda.device.Stream;
import java.lang.foreign.MemorySegment;

/**
 * Slots of page-locked memory, used in turn for copies that run beside the host. A slot is taken
 * again once the stream has passed the mark behind its last copy: with as many slots as copies are
 * usually under way, that wait is none.
 */
final class PinnedRing implements AutoCloseable {
  private final PinnedMemory memory;
  private final Event[] copied;
  private final long slotBytes;
  private int current = -1;

  /**
   * A ring.
   *
   * @param slots at least 1
   * @param slotBytes size of each, a multiple of 64
   */
  PinnedRing(CudaDevice device, String role, int slots, long slotBytes) {
    this.slotBytes = slotBytes;
    memory = device.allocatePinned(role, slots * slotBytes);
    copied = new Event[slots];
    for (int i = 0; i < slots; i++) {
      copied[i] = device.newEvent(role + " " + i, false);
    }
  }

  /** Number of slots. */
  int slots() {
    return copied.length;
  }

  /** Size of a slot in bytes. */
  long slotBytes() {
    return slotBytes;
  }

  /** The next slot, or its beginning, after its last copy is done. */
  MemorySegment take(long bytes) {
    current = (current + 1) % copied.length;
    copied[current].synchronize();
    return slot(current, bytes);
  }

  /** Marks the copy that the stream makes from or to the slot taken last. */
  void given(Stream stream) {
    stream.record(copied[current]);
  }

  /** Number of the slot taken last. */
  int current() {
    return current;
  }

  /** The beginning of a slot after its copy is done. */
  MemorySegment await(int slot, long bytes) {
    copied[slot].synchronize();
    return slot(slot, bytes);
  }

  private MemorySegment slot(int slot, long bytes) {
    return memory.segment().asSlice(slot * slotBytes, bytes);
  }

  @Override
  public void close() {
    for (Event event : copied) {
      event.close();
    }
    memory.close();
  }
}
