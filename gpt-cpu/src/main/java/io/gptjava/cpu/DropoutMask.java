package io.gptjava.cpu;

import io.gptjava.core.Dropout;
import io.gptjava.core.DropoutLayout;
import io.gptjava.core.HostStepControl;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Draws the dropout decisions of one site on vectors, laid out as {@link DropoutLayout} says. One
 * object per worker, because it owns scratch.
 */
final class DropoutMask {
  /** Longs that hold the 16×16 16-bit lanes of an attention tile. */
  private static final int TILE_LONGS = 64;

  private static final int TILE_BLOCKS = 32;

  /** Takes the sign's copies away: the compiler has no instruction for extension with zeros. */
  private static final int LANE = 0xFFFF;

  private final VectorPhilox philox = new VectorPhilox();
  private final long[] planes = new long[2 * TILE_BLOCKS];
  private final long[] tileLanes = new long[TILE_LONGS];
  private long[] lanes = new long[0];
  private float[] factors = new float[0];
  private int threshold;
  private float scale = 1;
  private long firstSample;

  /** One object for each worker of a pool. */
  static DropoutMask[] forWorkers(WorkerPool pool) {
    DropoutMask[] masks = new DropoutMask[pool.threads()];
    for (int i = 0; i < masks.length; i++) {
      masks[i] = new DropoutMask();
    }
    return masks;
  }

  /** Chooses the site for the next draws, on every worker. */
  static void begin(DropoutMask[] masks, Dropout dropout, HostStepControl control) {
    for (DropoutMask mask : masks) {
      mask.begin(dropout, control);
    }
  }

  void begin(Dropout dropout, HostStepControl control) {
    threshold = dropout.threshold();
    scale = dropout.scale();
    firstSample = control.firstSample();
    philox.stream(
        control.inputs().seed(), control.inputs().step(), dropout.purpose(), dropout.site());
  }

  /** Whether the site drops anything. */
  boolean active() {
    return threshold > 0;
  }

  /** Place in the global batch of the micro-batch's first sample. */
  long firstSample() {
    return firstSample;
  }

  /** Factors (0 or the scale) that the last {@link #row} left. */
  float[] factors() {
    return factors;
  }

  /**
   * Factors of a run of a row-linear activation.
   *
   * @param element linear index of the first element in the global batch
   * @param count number of elements
   * @return where the first element's factor is in {@link #factors()}
   */
  int row(long element, int count) {
    int lead = DropoutLayout.rowLane(element);
    int blocks = (lead + count + 7) >>> 3;
    int drawn = (blocks + VectorPhilox.BATCH - 1) / VectorPhilox.BATCH * VectorPhilox.BATCH;
    if (lanes.length < 2 * drawn) {
      lanes = new long[2 * drawn];
      factors = new float[8 * drawn];
    }
    philox.linear(DropoutLayout.rowBlock(element), drawn, lanes, 0);
    decide(lanes, 8 * blocks, factors, 0);
    return lead;
  }

  /**
   * Factors of one 16×16 tile of attention scores, row after row.
   *
   * @param head {@code globalSample · NH + h}
   * @param tiles number of tiles along the sequence
   * @param row tile row, i / 16
   * @param column tile column, j / 16
   */
  void tile(long head, int tiles, int row, int column, float[] out, int at) {
    philox.planes(((head * tiles + row) * tiles + column) * TILE_BLOCKS, TILE_BLOCKS, planes, 0);
    for (int r = 0; r < 8; r++) {
      // Word w holds rows r + 8(w % 2) and the eight columns from 8(w / 2).
      piece(2 * r, 4 * r);
      piece(TILE_BLOCKS / 2 + 2 * r, 4 * r + 32);
      piece(TILE_BLOCKS + 2 * r, 4 * r + 2);
      piece(3 * TILE_BLOCKS / 2 + 2 * r, 4 * r + 34);
    }
    decide(tileLanes, 4 * TILE_LONGS, out, at);
  }

  private void piece(int from, int to) {
    tileLanes[to] = planes[from];
    tileLanes[to + 1] = planes[from + 1];
  }

  /** Turns 16-bit lanes, four to a long, into factors. */
  private void decide(long[] source, int count, float[] out, int at) {
    FloatVector kept = FloatVector.broadcast(Vectors.F, scale);
    FloatVector dropped = FloatVector.zero(Vectors.F);
    for (int i = 0; i < count; i += Vectors.F.length()) {
      VectorMask<Float> keep =
          LongVector.fromArray(Vectors.L_HALF, source, i >>> 2)
              .reinterpretAsShorts()
              .convertShape(VectorOperators.S2I, Vectors.I, 0)
              .lanewise(VectorOperators.AND, LANE)
              .compare(VectorOperators.GE, threshold)
              .cast(Vectors.F);
      dropped.blend(kept, keep).intoArray(out, at + i);
    }
  }
}
