package io.gptjava.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorSpecies;

/** The vector shapes of this machine: constants that the compiler can fold. */
final class Vectors {
  /** Floats of the preferred width. */
  static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

  /** Ints of the same width. */
  static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;

  /** Longs of the same width. */
  static final VectorSpecies<Long> L = LongVector.SPECIES_PREFERRED;

  private Vectors() {}
}
