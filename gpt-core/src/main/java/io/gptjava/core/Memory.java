package io.gptjava.core;

import java.lang.foreign.MemorySegment;

/**
 * One allocation of a {@link Backend}: a role (parameters, gradients, activations, …) and its
 * bytes.
 *
 * @param role what the memory is for; shown by {@code --dry-run}
 * @param segment the bytes; for device memory its address is a device pointer that the host must
 *     not dereference
 * @param hostAccessible whether the host may read and write {@code segment} directly
 */
public record Memory(String role, MemorySegment segment, boolean hostAccessible) {
  /** Size in bytes. */
  public long byteSize() {
    return segment.byteSize();
  }
}
