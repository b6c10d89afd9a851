package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/** What happens to a finished element of the product on its way to memory. */
enum GemmEpilogue {
  /** Written as it is. */
  STORE,
  /** Plus the bias of its column, which may be absent. */
  BIAS,
  /** Plus bias; that sum is kept as the pre-activation where wanted; then GELU. */
  BIAS_GELU,
  /** Times the GELU's derivative at the pre-activation. */
  GELU_BACKWARD;

  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  /**
   * Writes one row of a tile.
   *
   * @param tile holds the row, padded with readable floats to whole vectors
   * @param at where it begins
   * @param columns floats to write
   * @param out the output matrix
   * @param offset byte of the row's first element
   * @param add whether to add what the output holds, before anything else
   * @param bias of the first column on, or null
   * @param biasOffset byte of the first column's bias
   * @param preActivation matrix like the output, or null
   */
  void write(
      float[] tile,
      int at,
      int columns,
      MemorySegment out,
      long offset,
      boolean add,
      MemorySegment bias,
      long biasOffset,
      MemorySegment preActivation) {
    if (this == STORE || this == BIAS && bias == null) {
      store(tile, at, columns, out, offset, add);
      return;
    }
    int length = Vectors.F.length();
    for (int j = 0; j < columns; j += length) {
      VectorMask<Float> mask = Vectors.F.indexInRange(j, columns);
      long shift = (long) j * Float.BYTES;
      FloatVector v = FloatVector.fromArray(Vectors.F, tile, at + j);
      if (add) {
        v = v.add(load(out, offset + shift, mask));
      }
      if (this == GELU_BACKWARD) {
        v = v.mul(VectorMath.geluDerivative(load(preActivation, offset + shift, mask)));
      } else if (bias != null) {
        v = v.add(load(bias, biasOffset + shift, mask));
      }
      if (this == BIAS_GELU) {
        if (preActivation != null) {
          v.intoMemorySegment(preActivation, offset + shift, ORDER, mask);
        }
        v = VectorMath.gelu(v);
      }
      v.intoMemorySegment(out, offset + shift, ORDER, mask);
    }
  }

  private static void store(
      float[] tile, int at, int columns, MemorySegment out, long offset, boolean add) {
    int bound = Vectors.F.loopBound(columns);
    int j = 0;
    if (add) {
      for (; j < bound; j += Vectors.F.length()) {
        long to = offset + (long) j * Float.BYTES;
        FloatVector.fromArray(Vectors.F, tile, at + j)
            .add(FloatVector.fromMemorySegment(Vectors.F, out, to, ORDER))
            .intoMemorySegment(out, to, ORDER);
      }
    } else {
      for (; j < bound; j += Vectors.F.length()) {
        FloatVector.fromArray(Vectors.F, tile, at + j)
            .intoMemorySegment(out, offset + (long) j * Float.BYTES, ORDER);
      }
    }
    if (j < columns) {
      VectorMask<Float> mask = Vectors.F.indexInRange(j, columns);
      long to = offset + (long) j * Float.BYTES;
      FloatVector v = FloatVector.fromArray(Vectors.F, tile, at + j);
      if (add) {
        v = v.add(load(out, to, mask));
      }
      v.intoMemorySegment(out, to, ORDER, mask);
    }
  }

  private static FloatVector load(MemorySegment from, long offset, VectorMask<Float> mask) {
    return FloatVector.fromMemorySegment(Vectors.F, from, offset, ORDER, mask);
  }
}
