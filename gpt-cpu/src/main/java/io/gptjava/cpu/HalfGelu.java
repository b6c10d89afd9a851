package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;

/** GELU and its derivative on bf16 elements, a block at a time through a row of floats. */
final class HalfGelu {
  /** Elements of a block, which stays in the first-level cache. */
  static final int BLOCK = 2048;

  private HalfGelu() {}

  /**
   * GELU of {@code count} elements from index {@code first} on; {@code out} may be {@code x}.
   *
   * @param own a row of {@link #BLOCK} floats
   */
  static void forward(
      MemorySegment x, MemorySegment out, long first, int count, MemorySegment own) {
    for (int done = 0; done < count; done += BLOCK) {
      int n = Math.min(BLOCK, count - done);
      long at = (first + done) * HalfVectors.BYTES;
      HalfVectors.widen(x, at, own, 0, n);
      ElementwiseOps.gelu(own, own, 0, n);
      HalfVectors.narrow(own, 0, out, at, n);
    }
  }

  /**
   * {@code dX = dOut · GELU'(x)} of {@code count} elements; {@code dX} may be {@code dOut}.
   *
   * @param own a row of {@link #BLOCK} floats; {@code slopes} another
   */
  static void backward(
      MemorySegment x,
      MemorySegment dOut,
      MemorySegment dX,
      long first,
      int count,
      MemorySegment own,
      MemorySegment slopes) {
    for (int done = 0; done < count; done += BLOCK) {
      int n = Math.min(BLOCK, count - done);
      long at = (first + done) * HalfVectors.BYTES;
      HalfVectors.widen(x, at, own, 0, n);
      HalfVectors.widen(dOut, at, slopes, 0, n);
      ElementwiseOps.geluBackward(own, slopes, slopes, 0, n);
      HalfVectors.narrow(slopes, 0, dX, at, n);
    }
  }
}
