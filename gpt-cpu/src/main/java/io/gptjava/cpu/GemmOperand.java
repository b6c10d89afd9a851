package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;

/**
 * A factor of a matrix product.
 *
 * @param data floats
 * @param leading elements from one row to the next, as it lies in memory
 * @param transposed whether the factor is the transpose of what lies in memory
 */
record GemmOperand(MemorySegment data, long leading, boolean transposed) {}
