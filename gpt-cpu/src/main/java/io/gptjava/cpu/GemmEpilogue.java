package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;
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

  private static final int L = Vectors.F.length();

  /**
   * Writes rows of a tile, which it may change. Each kind has small loops of its own: the compiler
   * must see a loop's vectors whole, or each becomes an object.
   *
   * @param tile holds the rows, each padded with readable floats to whole vectors
   * @param at where the first begins
   * @param stride floats from row to row
   * @param rows rows to write
   * @param columns floats to write in each
   * @param out the output matrix
   * @param offset byte of the first row's first element
   * @param rowBytes bytes from row to row of the output
   * @param add whether to add what the output holds, before anything else
   * @param bias of the first column on, or null
   * @param biasOffset byte of the first column's bias
   * @param preActivation matrix like the output, or null
   */
  void write(
      float[] tile,
      int at,
      int stride,
      int rows,
      int columns,
      MemorySegment out,
      long offset,
      long rowBytes,
      boolean add,
      MemorySegment bias,
      long biasOffset,
      MemorySegment preActivation) {
    int bound = Vectors.F.loopBound(columns);
    for (int r = 0; r < rows; r++) {
      if (add) {
        add(tile, at, bound, out, offset);
      }
      if (bias != null) {
        add(tile, at, bound, bias, biasOffset);
      }
      if (this == BIAS_GELU) {
        if (preActivation != null) {
          store(tile, at, bound, preActivation, offset);
        }
        gelu(tile, at, bound);
      } else if (this == GELU_BACKWARD) {
        geluBackward(tile, at, bound, preActivation, offset);
      }
      store(tile, at, bound, out, offset);
      if (bound < columns) {
        long shift = (long) bound * Float.BYTES;
        VectorMask<Float> mask = Vectors.F.indexInRange(bound, columns);
        tail(
            tile,
            at + bound,
            mask,
            out,
            offset + shift,
            add,
            bias,
            biasOffset + shift,
            preActivation);
      }
      at += stride;
      offset += rowBytes;
    }
  }

  private static void add(float[] row, int at, int count, MemorySegment from, long offset) {
    for (int j = 0; j < count; j += L) {
      FloatVector.fromArray(Vectors.F, row, at + j)
          .add(Vectors.load(from, offset + (long) j * Float.BYTES))
          .intoArray(row, at + j);
    }
  }

  private static void store(float[] row, int at, int count, MemorySegment to, long offset) {
    for (int j = 0; j < count; j += L) {
      FloatVector v = FloatVector.fromArray(Vectors.F, row, at + j);
      Vectors.store(v, to, offset + (long) j * Float.BYTES);
    }
  }

  private static void gelu(float[] row, int at, int count) {
    for (int j = 0; j < count; j += L) {
      VectorMath.gelu(FloatVector.fromArray(Vectors.F, row, at + j)).intoArray(row, at + j);
    }
  }

  private static void geluBackward(
      float[] row, int at, int count, MemorySegment preActivation, long offset) {
    for (int j = 0; j < count; j += L) {
      FloatVector x = Vectors.load(preActivation, offset + (long) j * Float.BYTES);
      VectorMath.geluDerivative(x)
          .mul(FloatVector.fromArray(Vectors.F, row, at + j))
          .intoArray(row, at + j);
    }
  }

  /** The last columns of a row, fewer than a vector. */
  private void tail(
      float[] row,
      int at,
      VectorMask<Float> mask,
      MemorySegment out,
      long offset,
      boolean add,
      MemorySegment bias,
      long biasOffset,
      MemorySegment preActivation) {
    FloatVector v = FloatVector.fromArray(Vectors.F, row, at);
    if (add) {
      v = v.add(Vectors.load(out, offset, mask));
    }
    if (bias != null) {
      v = v.add(Vectors.load(bias, biasOffset, mask));
    }
    if (this == BIAS_GELU) {
      if (preActivation != null) {
        Vectors.store(v, preActivation, offset, mask);
      }
      v = VectorMath.gelu(v);
    } else if (this == GELU_BACKWARD) {
      v = v.mul(VectorMath.geluDerivative(Vectors.load(preActivation, offset, mask)));
    }
    Vectors.store(v, out, offset, mask);
  }
}
