package io.gptjava.cuda.ffi;

import java.lang.foreign.MemorySegment;

/** Text that a library returned by pointer. */
final class CString {
  private static final long LIMIT = 1 << 16;

  private CString() {}

  /** The zero-terminated text at an address; empty for a null pointer. */
  @SuppressWarnings("restricted")
  static String at(MemorySegment pointer) {
    return pointer.address() == 0 ? "" : pointer.reinterpret(LIMIT).getString(0);
  }
}
