package io.gptjava.cpu;

import io.gptjava.core.BFloat16;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;

/** Rows of a head between bf16 tensors and blocks of floats. */
final class HalfRow {
  private static final int STEP = Vectors.F.length();

  private HalfRow() {}

  /** Loads a row times a factor. */
  static void load(
      MemorySegment segment, long from, int columns, float factor, float[] row, int at) {
    int bound = Vectors.F.loopBound(columns);
    for (int c = 0; c < bound; c += STEP) {
      HalfVectors.load(segment, from + (long) c * HalfVectors.BYTES)
          .mul(factor)
          .intoArray(row, at + c);
    }
    for (int c = bound; c < columns; c++) {
      short half = segment.get(ValueLayout.JAVA_SHORT, from + (long) c * HalfVectors.BYTES);
      row[at + c] = BFloat16.widen(half) * factor;
    }
  }

  /** Stores a row times a factor. */
  static void store(
      float[] row, int at, MemorySegment segment, long to, int columns, float factor) {
    int bound = Vectors.F.loopBound(columns);
    for (int c = 0; c < bound; c += STEP) {
      FloatVector v = FloatVector.fromArray(Vectors.F, row, at + c).mul(factor);
      HalfVectors.store(v, segment, to + (long) c * HalfVectors.BYTES);
    }
    for (int c = bound; c < columns; c++) {
      short half = BFloat16.round(row[at + c] * factor);
      segment.set(ValueLayout.JAVA_SHORT, to + (long) c * HalfVectors.BYTES, half);
    }
  }
}
