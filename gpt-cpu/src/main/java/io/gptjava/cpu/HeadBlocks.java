package io.gptjava.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.gptjava.core.DType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/**
 * One head's slice of a (B, T, …) tensor as 64×64 blocks on the heap. A head wider than 64 is cut
 * into chunks of 64 columns; block {@code (n, chunk)} is number {@code n · chunks + chunk}.
 */
final class HeadBlocks {
  private static final int SIZE = BlockProduct.SIZE;
  private static final int STEP = Vectors.F.length();
  private static final IntVector LANE = IntVector.zero(Vectors.I).addIndex(1);

  private HeadBlocks() {}

  /** Number of 64-wide blocks that cover a length. */
  static int count(int length) {
    return (length + SIZE - 1) / SIZE;
  }

  /** Columns of a head in one chunk. */
  static int columns(int headSize, int chunk) {
    return Math.min(SIZE, headSize - chunk * SIZE);
  }

  /** Array of at least this many floats: the given one, or a new one. */
  static float[] room(float[] array, int floats) {
    return array.length >= floats ? array : new float[floats];
  }

  /**
   * Loads up to 64 rows into the chunks of one block, times a factor; the rest become 0, because a
   * weight of 0 does not silence what an earlier call may have left there, a NaN for one.
   *
   * @param type of the tensor
   * @param from byte offset of the first row's first element of the head
   * @param stride bytes between rows
   */
  static void load(
      MemorySegment segment,
      DType type,
      long from,
      long stride,
      int rows,
      int headSize,
      float factor,
      float[] blocks,
      int at) {
    for (int chunk = 0; chunk * SIZE < headSize; chunk++) {
      int block = at + chunk * BlockProduct.AREA;
      int columns = columns(headSize, chunk);
      long first = from + (long) chunk * SIZE * type.bytes();
      if (type == DType.BF16) {
        for (int r = 0; r < rows; r++) {
          int row = block + r * SIZE;
          HalfRow.load(segment, first + r * stride, columns, factor, blocks, row);
        }
      } else if (columns == SIZE) {
        loadFull(segment, first, stride, rows, factor, blocks, block);
      } else {
        for (int r = 0; r < rows; r++) {
          loadRow(segment, first + r * stride, columns, factor, blocks, block + r * SIZE);
        }
      }
      Arrays.fill(blocks, block + rows * SIZE, block + BlockProduct.AREA, 0);
    }
  }

  private static void loadFull(
      MemorySegment segment,
      long from,
      long stride,
      int rows,
      float factor,
      float[] block,
      int at) {
    FloatVector scale = FloatVector.broadcast(Vectors.F, factor);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < SIZE; c += STEP) {
        Vectors.load(segment, from + r * stride + c * 4L)
            .mul(scale)
            .intoArray(block, at + r * SIZE + c);
      }
    }
  }

  private static void loadRow(
      MemorySegment segment, long from, int columns, float factor, float[] row, int at) {
    int bound = Vectors.F.loopBound(columns);
    for (int c = 0; c < bound; c += STEP) {
      Vectors.load(segment, from + c * 4L).mul(factor).intoArray(row, at + c);
    }
    for (int c = bound; c < columns; c++) {
      row[at + c] = segment.get(JAVA_FLOAT, from + c * 4L) * factor;
    }
  }

  /** Stores up to 64 rows from the chunks of one block, times a factor. */
  static void store(
      float[] blocks,
      int at,
      MemorySegment segment,
      DType type,
      long from,
      long stride,
      int rows,
      int headSize,
      float factor) {
    for (int chunk = 0; chunk * SIZE < headSize; chunk++) {
      for (int r = 0; r < rows; r++) {
        storeRow(
            blocks,
            at + chunk * BlockProduct.AREA + r * SIZE,
            segment,
            type,
            from + r * stride + (long) chunk * SIZE * type.bytes(),
            columns(headSize, chunk),
            factor);
      }
    }
  }

  /** Stores one row of a chunk times a factor. */
  static void storeRow(
      float[] row, int at, MemorySegment segment, DType type, long to, int columns, float factor) {
    if (type == DType.BF16) {
      HalfRow.store(row, at, segment, to, columns, factor);
      return;
    }
    int bound = Vectors.F.loopBound(columns);
    for (int c = 0; c < bound; c += STEP) {
      Vectors.store(
          FloatVector.fromArray(Vectors.F, row, at + c).mul(factor), segment, to + c * 4L);
    }
    for (int c = bound; c < columns; c++) {
      segment.set(JAVA_FLOAT, to + c * 4L, row[at + c] * factor);
    }
  }

  /** Transposes whole blocks in place, square of vectors by square. */
  static void transpose(float[] blocks, int at) {
    for (int i = 0; i < SIZE; i += STEP) {
      transposeSquare(blocks, at + i * SIZE + i);
      for (int j = i + STEP; j < SIZE; j += STEP) {
        transposeSquare(blocks, at + i * SIZE + j);
        transposeSquare(blocks, at + j * SIZE + i);
        for (int r = 0; r < STEP; r++) {
          int upper = at + (i + r) * SIZE + j;
          int lower = at + (j + r) * SIZE + i;
          FloatVector v = FloatVector.fromArray(Vectors.F, blocks, upper);
          FloatVector.fromArray(Vectors.F, blocks, lower).intoArray(blocks, upper);
          v.intoArray(blocks, lower);
        }
      }
    }
  }

  /** Eklundh's transposition: swap off-diagonal halves of ever larger sub-squares. */
  private static void transposeSquare(float[] m, int at) {
    for (int span = 1; span < STEP; span *= 2) {
      VectorMask<Float> upper = LANE.and(span).compare(VectorOperators.NE, 0).cast(Vectors.F);
      VectorShuffle<Float> swap =
          LANE.lanewise(VectorOperators.XOR, span).toShuffle().cast(Vectors.F);
      for (int row = 0; row < STEP; row++) {
        if ((row & span) == 0) {
          int first = at + row * SIZE;
          int second = first + span * SIZE;
          FloatVector a = FloatVector.fromArray(Vectors.F, m, first);
          FloatVector b = FloatVector.fromArray(Vectors.F, m, second);
          a.blend(b.rearrange(swap), upper).intoArray(m, first);
          b.blend(a.rearrange(swap), upper.not()).intoArray(m, second);
        }
      }
    }
  }
}
