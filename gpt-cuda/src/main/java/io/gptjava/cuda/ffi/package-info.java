/**
 * Bindings of NVIDIA's libraries through {@code java.lang.foreign}: one final class per library,
 * nothing but calls and their errors. Device pointers, streams and other handles are {@code long};
 * host memory is a {@link java.lang.foreign.MemorySegment}.
 */
package io.gptjava.cuda.ffi;
