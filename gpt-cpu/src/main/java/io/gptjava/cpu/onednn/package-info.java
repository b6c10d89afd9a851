/**
 * oneDNN's matrix products through {@code java.lang.foreign}: the library found among the program's
 * jars, its functions, and products on them. Handles of the library are {@code long}; memory is a
 * {@link java.lang.foreign.MemorySegment}.
 */
package io.gptjava.cpu.onednn;
