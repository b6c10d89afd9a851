package io.gptjava.cpu;

import io.gptjava.core.DropoutLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** What a 64×64 block of scores may see, and which of its weights dropout keeps. */
final class ScoreMask {
  private static final int SIZE = BlockProduct.SIZE;
  private static final int STEP = Vectors.F.length();
  private static final IntVector LANE = IntVector.zero(Vectors.I).addIndex(1);
  private static final int TILES = SIZE / 16;

  /** Columns of a row are cleared up to a multiple of this, which no kernel reads beyond. */
  private static final int GRAIN = Math.max(STEP, 8);

  private final DropoutMask dropout;

  /** Factors of the block, tile after tile, each column of tiles together. */
  private final float[] factors = new float[BlockProduct.AREA];

  ScoreMask(DropoutMask dropout) {
    this.dropout = dropout;
  }

  /** Columns worth computing in a row that sees columns below {@code end}. */
  static int padded(int end) {
    return (end + GRAIN - 1) / GRAIN * GRAIN;
  }

  /** Sets a row's scores outside columns {@code [start, end)} to −∞, up to the padded end. */
  static void hide(float[] scores, int at, int start, int end) {
    int padded = padded(end);
    for (int c = 0; c < padded; c += STEP) {
      if (c < start || c + STEP > end) {
        IntVector column = LANE.add(c);
        VectorMask<Integer> hidden =
            column.compare(VectorOperators.LT, start).or(column.compare(VectorOperators.GE, end));
        FloatVector.fromArray(Vectors.F, scores, at + c)
            .blend(Float.NEGATIVE_INFINITY, hidden.cast(Vectors.F))
            .intoArray(scores, at + c);
      }
    }
  }

  /** Whether anything is dropped. */
  boolean active() {
    return dropout.active();
  }

  /** Draws the block of queries {@code 64·queryBlock …} and keys {@code 64·keyBlock …}. */
  void draw(AttentionShape shape, int sample, int head, int queryBlock, int keyBlock) {
    long globalHead = (dropout.firstSample() + sample) * shape.heads() + head;
    int tiles = DropoutLayout.tiles(shape.sequence());
    for (int j = 0; j < TILES && keyBlock * TILES + j < tiles; j++) {
      int from = queryBlock == keyBlock ? j : 0;
      for (int i = from; i < TILES && queryBlock * TILES + i < tiles; i++) {
        dropout.tile(
            globalHead,
            tiles,
            queryBlock * TILES + i,
            keyBlock * TILES + j,
            factors,
            (j * TILES + i) * 256);
      }
    }
  }

  /** Factors (0 or the scale) that {@link #draw} left, each at its {@link #factor}. */
  float[] factors() {
    return factors;
  }

  /** Where the factors of a vector of weights are, from a column that is a multiple of it. */
  static int factor(int row, int column) {
    return ((column >> 4) * SIZE + row) * 16 + (column & 15);
  }
}
