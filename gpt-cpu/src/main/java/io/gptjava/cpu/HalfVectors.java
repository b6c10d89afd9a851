package io.gptjava.cpu;

import io.gptjava.core.BFloat16;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Conversion between bfloat16 and float, many at a time ({@link BFloat16}: one). Ops in bf16 widen
 * a row into scratch in the first-level cache, run the float kernel there, and narrow what it
 * leaves: that costs less than the memory traffic which the halves save.
 *
 * <p>Narrowing rounds to nearest even; a NaN keeps its sign and stays a NaN.
 */
final class HalfVectors {
  /** Bytes of an element. */
  static final int BYTES = Short.BYTES;

  private static final int STEP = Vectors.F.length();

  /** As many halves as a vector has floats. */
  private static final VectorSpecies<Short> S =
      VectorSpecies.of(short.class, VectorShape.forBitSize(Vectors.F.vectorBitSize() / 2));

  private static final int HALF_BITS = Short.SIZE;
  private static final int BELOW_HALF = (1 << HALF_BITS - 1) - 1;
  private static final int QUIET = 1 << 22;

  private HalfVectors() {}

  /**
   * Loads a vector's worth of halves as floats. The sign's copies are shifted out; the compiler has
   * no instruction for extension with zeros, which takes six times as long.
   */
  static FloatVector load(MemorySegment from, long at) {
    return ((IntVector)
            ShortVector.fromMemorySegment(
                    S,
                    Vectors.MEMORY,
                    Vectors.address(from, at, S.vectorByteSize()),
                    Vectors.NATIVE)
                .convertShape(VectorOperators.S2I, Vectors.I, 0))
        .lanewise(VectorOperators.LSHL, HALF_BITS)
        .reinterpretAsFloats();
  }

  /** Stores floats as halves. */
  static void store(FloatVector v, MemorySegment to, long at) {
    IntVector bits = v.reinterpretAsInts();
    VectorMask<Float> nan = v.test(VectorOperators.IS_NAN);
    bits.add(BELOW_HALF)
        .add(bits.lanewise(VectorOperators.LSHR, HALF_BITS).and(1))
        .blend(bits.or(QUIET), nan.cast(Vectors.I))
        .lanewise(VectorOperators.LSHR, HALF_BITS)
        .convertShape(VectorOperators.I2S, S, 0)
        .reinterpretAsShorts()
        .intoMemorySegment(
            Vectors.MEMORY, Vectors.address(to, at, S.vectorByteSize()), Vectors.NATIVE);
  }

  /** Halves at byte {@code at} become floats at byte {@code toAt}. */
  static void widen(MemorySegment from, long at, MemorySegment to, long toAt, int count) {
    int bound = Vectors.F.loopBound(count);
    for (int i = 0; i < bound; i += STEP) {
      Vectors.store(load(from, at + (long) i * BYTES), to, toAt + (long) i * Float.BYTES);
    }
    for (int i = bound; i < count; i++) {
      short half = from.get(ValueLayout.JAVA_SHORT, at + (long) i * BYTES);
      to.set(ValueLayout.JAVA_FLOAT, toAt + (long) i * Float.BYTES, BFloat16.widen(half));
    }
  }

  /** Halves at byte {@code at} become floats of an array. */
  static void widen(MemorySegment from, long at, float[] to, int toAt, int count) {
    int bound = Vectors.F.loopBound(count);
    for (int i = 0; i < bound; i += STEP) {
      load(from, at + (long) i * BYTES).intoArray(to, toAt + i);
    }
    for (int i = bound; i < count; i++) {
      to[toAt + i] = BFloat16.widen(from.get(ValueLayout.JAVA_SHORT, at + (long) i * BYTES));
    }
  }

  /** Floats at byte {@code at} become halves at byte {@code toAt}, which may be the same place. */
  static void narrow(MemorySegment from, long at, MemorySegment to, long toAt, int count) {
    int bound = Vectors.F.loopBound(count);
    for (int i = 0; i < bound; i += STEP) {
      store(Vectors.load(from, at + (long) i * Float.BYTES), to, toAt + (long) i * BYTES);
    }
    for (int i = bound; i < count; i++) {
      float value = from.get(ValueLayout.JAVA_FLOAT, at + (long) i * Float.BYTES);
      to.set(ValueLayout.JAVA_SHORT, toAt + (long) i * BYTES, BFloat16.round(value));
    }
  }
}
