package io.gptjava.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/** The vector shapes of this machine: constants that the compiler can fold. */
final class Vectors {
  /** Floats of the preferred width. */
  static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

  /** Ints of the same width. */
  static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;

  /** Longs of the same width. */
  static final VectorSpecies<Long> L = LongVector.SPECIES_PREFERRED;

  /** Longs of half the width: as many 16-bit lanes as {@link #F} has floats. */
  static final VectorSpecies<Long> L_HALF =
      VectorSpecies.of(long.class, VectorShape.forBitSize(F.vectorBitSize() / 2));

  /** Byte order of tensors. */
  static final ByteOrder NATIVE = ByteOrder.nativeOrder();

  /**
   * All memory outside the heap. Vectors are loaded and stored through it, because the compiler
   * must know what kind of segment it has before it, or it makes two calls for every vector: that
   * costs a short loop most of its speed, and what it knows depends on which other kinds the
   * program happened to use before.
   */
  @SuppressWarnings("restricted")
  static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private static final int WIDTH = F.length();
  private static final VectorShuffle<Float> BY_8 = VectorShuffle.iota(F, 8 % WIDTH, 1, true);
  private static final VectorShuffle<Float> BY_4 = VectorShuffle.iota(F, 4 % WIDTH, 1, true);
  private static final VectorShuffle<Float> BY_2 = VectorShuffle.iota(F, 2 % WIDTH, 1, true);
  private static final VectorShuffle<Float> BY_1 = VectorShuffle.iota(F, 1, 1, true);

  private Vectors() {}

  /** Loads a vector of floats at a byte offset. */
  static FloatVector load(MemorySegment segment, long byteOffset) {
    long address = address(segment, byteOffset, F.vectorByteSize());
    return FloatVector.fromMemorySegment(F, MEMORY, address, NATIVE);
  }

  /** Stores a vector of floats at a byte offset. */
  static void store(FloatVector vector, MemorySegment segment, long byteOffset) {
    long address = address(segment, byteOffset, F.vectorByteSize());
    vector.intoMemorySegment(MEMORY, address, NATIVE);
  }

  /** Loads the lanes of a mask, which are the first ones, at a byte offset; the rest are zero. */
  static FloatVector load(MemorySegment segment, long byteOffset, VectorMask<Float> mask) {
    long address = address(segment, byteOffset, 0);
    assert address == address(segment, byteOffset, (long) mask.trueCount() * Float.BYTES);
    return FloatVector.fromMemorySegment(F, MEMORY, address, NATIVE, mask);
  }

  /** Stores the lanes of a mask, which are the first ones, at a byte offset. */
  static void store(
      FloatVector vector, MemorySegment segment, long byteOffset, VectorMask<Float> mask) {
    long address = address(segment, byteOffset, 0);
    assert address == address(segment, byteOffset, (long) mask.trueCount() * Float.BYTES);
    vector.intoMemorySegment(MEMORY, address, NATIVE, mask);
  }

  /**
   * Where bytes of a tensor lie in {@link #MEMORY}. With assertions, which tests enable, it checks
   * that they are the tensor's.
   */
  static long address(MemorySegment segment, long byteOffset, long bytes) {
    assert segment.isNative() && segment.scope().isAlive() : segment;
    assert byteOffset >= 0 && bytes <= segment.byteSize() - byteOffset
        : "%d bytes at %d of %s".formatted(bytes, byteOffset, segment);
    return segment.address() + byteOffset;
  }

  /**
   * Sum of the lanes by halving. {@code reduceLanes} leaves the order of additions open, and the
   * interpreter and the compiler choose differently: this one gives the same bits in both.
   */
  static float sum(FloatVector vector) {
    FloatVector v = vector;
    if (WIDTH > 8) {
      v = v.add(v.rearrange(BY_8));
    }
    if (WIDTH > 4) {
      v = v.add(v.rearrange(BY_4));
    }
    v = v.add(v.rearrange(BY_2));
    return v.add(v.rearrange(BY_1)).lane(0);
  }
}
