package io.gptjava.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * One worker's attention of one head, 64 queries by 64 keys at a time, with the running softmax of
 * Milakov and Gimelshein (2018) as in FlashAttention (Dao et al., 2022).
 *
 * <p>The softmax is shifted by a reference score of the row rather than by its maximum: the first
 * score seen, replaced (and what was summed rescaled) only when a score exceeds it by more than
 * {@link #SLACK}. Any reference gives the same softmax; this one costs a comparison where the
 * maximum would cost a reduction over lanes, and e⁸ is far from overflow.
 */
final class AttentionForward {
  private static final int SIZE = BlockProduct.SIZE;
  private static final int AREA = BlockProduct.AREA;
  private static final int STEP = Vectors.F.length();
  private static final float SLACK = 8;

  private final ScoreMask mask;
  private final float[] scores = new float[AREA];

  /** Reference score of each row, −∞ before the first. */
  private final float[] references = new float[SIZE];

  /** Sum of weights of each row, a vector of partial sums each. */
  private final float[] sums = new float[SIZE * STEP];

  private float[] queries = new float[0];
  private float[] outputs = new float[0];
  private float[] keys = new float[0]; // transposed: (block, chunk, 64 of HS, 64 keys)
  private float[] values = new float[0]; // (block, chunk, 64 keys, 64 of HS)

  AttentionForward(DropoutMask dropout) {
    mask = new ScoreMask(dropout);
  }

  /** Computes the query blocks {@code [from, to)} of a head. */
  void run(
      AttentionShape shape,
      MemorySegment qkv,
      MemorySegment out,
      MemorySegment logSumExp,
      int sample,
      int head,
      int from,
      int to) {
    int chunks = shape.chunks();
    queries = HeadBlocks.room(queries, chunks * AREA);
    outputs = HeadBlocks.room(outputs, chunks * AREA);
    keys = HeadBlocks.room(keys, shape.blocks() * chunks * AREA);
    values = HeadBlocks.room(values, shape.blocks() * chunks * AREA);
    loadKeys(shape, qkv, sample, head, to);
    for (int block = from; block < to; block++) {
      int rows = shape.rows(block);
      HeadBlocks.load(
          qkv,
          shape.type(),
          shape.packed(sample, block * SIZE, 0, head),
          shape.packedStride(),
          rows,
          shape.headSize(),
          shape.scale(),
          queries,
          0);
      Arrays.fill(outputs, 0, chunks * AREA, 0);
      Arrays.fill(sums, 0);
      Arrays.fill(references, Float.NEGATIVE_INFINITY);
      for (int key = shape.firstBlock(sample, block); key <= block; key++) {
        step(shape, sample, head, block, key, rows);
      }
      finish(shape, out, logSumExp, sample, head, block, rows);
    }
  }

  private void loadKeys(AttentionShape shape, MemorySegment qkv, int sample, int head, int to) {
    int chunks = shape.chunks();
    for (int block = 0; block < to; block++) {
      long stride = shape.packedStride();
      int rows = shape.rows(block);
      int at = block * chunks * AREA;
      long key = shape.packed(sample, block * SIZE, 1, head);
      HeadBlocks.load(qkv, shape.type(), key, stride, rows, shape.headSize(), 1, keys, at);
      for (int chunk = 0; chunk < chunks; chunk++) {
        HeadBlocks.transpose(keys, at + chunk * AREA);
      }
      long value = shape.packed(sample, block * SIZE, 2, head);
      HeadBlocks.load(qkv, shape.type(), value, stride, rows, shape.headSize(), 1, values, at);
    }
  }

  private void step(AttentionShape shape, int sample, int head, int block, int key, int rows) {
    int chunks = shape.chunks();
    boolean diagonal = block == key;
    for (int chunk = 0; chunk < chunks; chunk++) {
      int depth = HeadBlocks.columns(shape.headSize(), chunk);
      int at = (key * chunks + chunk) * AREA;
      if (diagonal) {
        BlockProduct.multiplyLower(
            queries, chunk * AREA, keys, at, scores, 0, rows, depth, chunk > 0);
      } else {
        BlockProduct.multiply(
            queries, chunk * AREA, keys, at, scores, 0, rows, SIZE, depth, chunk > 0);
      }
    }
    boolean drop = mask.active();
    if (drop) {
      mask.draw(shape, sample, head, block, key);
    }
    prepareRows(shape, sample, block, key, rows, diagonal);
    if (drop) {
      weightsDropped(rows, diagonal);
    } else {
      weights(rows, diagonal);
    }
    for (int chunk = 0; chunk < chunks; chunk++) {
      int columns = HeadBlocks.columns(shape.headSize(), chunk);
      int at = (key * chunks + chunk) * AREA;
      if (diagonal) {
        BlockProduct.multiplyTriangle(
            scores, 0, values, at, outputs, chunk * AREA, rows, columns, rows);
      } else {
        BlockProduct.multiply(
            scores, 0, values, at, outputs, chunk * AREA, rows, columns, SIZE, true);
      }
    }
  }

  /** Hides what the queries do not see, and settles the reference of each row. */
  private void prepareRows(
      AttentionShape shape, int sample, int block, int key, int rows, boolean diagonal) {
    boolean masked = diagonal || shape.firstVisible() != null;
    for (int r = 0; r < rows; r++) {
      int start = 0;
      int end = diagonal ? r + 1 : SIZE;
      if (masked) {
        start = Math.clamp(shape.first(sample, block * SIZE + r) - (long) key * SIZE, 0, end);
        ScoreMask.hide(scores, r * SIZE, start, end);
      }
      if (start < end) {
        reference(r, start, ScoreMask.padded(end), shape.chunks());
      }
    }
  }

  /** Sees to it that no score of the row exceeds its reference by more than the slack. */
  private void reference(int r, int start, int columns, int chunks) {
    int at = r * SIZE;
    if (references[r] == Float.NEGATIVE_INFINITY) {
      references[r] = scores[at + start];
    }
    FloatVector most = FloatVector.fromArray(Vectors.F, scores, at);
    for (int c = STEP; c < columns; c += STEP) {
      FloatVector s = FloatVector.fromArray(Vectors.F, scores, at + c);
      most = most.blend(s, s.compare(VectorOperators.GT, most));
    }
    if (most.compare(VectorOperators.GT, references[r] + SLACK).anyTrue()) {
      rescale(r, columns, chunks);
    }
  }

  private void rescale(int r, int columns, int chunks) {
    float max = references[r];
    for (int c = 0; c < columns; c++) {
      max = Math.max(max, scores[r * SIZE + c]);
    }
    float factor = (float) StrictMath.exp(references[r] - max);
    references[r] = max;
    for (int lane = 0; lane < STEP; lane++) {
      sums[r * STEP + lane] *= factor;
    }
    for (int chunk = 0; chunk < chunks; chunk++) {
      for (int c = 0; c < SIZE; c++) {
        outputs[chunk * AREA + r * SIZE + c] *= factor;
      }
    }
  }

  /** What the row's scores are shifted by: any number where it has not seen a key yet. */
  private float shift(int r) {
    return references[r] == Float.NEGATIVE_INFINITY ? 0 : references[r];
  }

  private void weights(int rows, boolean diagonal) {
    for (int r = 0; r < rows; r++) {
      FloatVector sum = FloatVector.fromArray(Vectors.F, sums, r * STEP);
      FloatVector shift = FloatVector.broadcast(Vectors.F, shift(r));
      int end = r * SIZE + (diagonal ? ScoreMask.padded(r + 1) : SIZE);
      for (int c = r * SIZE; c < end; c += STEP) {
        FloatVector p = SoftmaxWeight.of(FloatVector.fromArray(Vectors.F, scores, c).sub(shift));
        sum = sum.add(p);
        p.intoArray(scores, c);
      }
      sum.intoArray(sums, r * STEP);
    }
  }

  private void weightsDropped(int rows, boolean diagonal) {
    float[] factors = mask.factors();
    for (int r = 0; r < rows; r++) {
      FloatVector sum = FloatVector.fromArray(Vectors.F, sums, r * STEP);
      FloatVector shift = FloatVector.broadcast(Vectors.F, shift(r));
      int end = diagonal ? ScoreMask.padded(r + 1) : SIZE;
      for (int c = 0; c < end; c += STEP) {
        FloatVector s = FloatVector.fromArray(Vectors.F, scores, r * SIZE + c);
        FloatVector p = SoftmaxWeight.of(s.sub(shift));
        sum = sum.add(p);
        FloatVector factor = FloatVector.fromArray(Vectors.F, factors, ScoreMask.factor(r, c));
        p.mul(factor).intoArray(scores, r * SIZE + c);
      }
      sum.intoArray(sums, r * STEP);
    }
  }

  private void finish(
      AttentionShape shape,
      MemorySegment out,
      MemorySegment logSumExp,
      int sample,
      int head,
      int block,
      int rows) {
    for (int r = 0; r < rows; r++) {
      int position = block * SIZE + r;
      float sum = Vectors.sum(FloatVector.fromArray(Vectors.F, sums, r * STEP));
      float factor = 1 / sum;
      long to = shape.plain(sample, position, head);
      for (int chunk = 0; chunk < shape.chunks(); chunk++) {
        HeadBlocks.storeRow(
            outputs,
            chunk * AREA + r * SIZE,
            out,
            shape.type(),
            to + (long) chunk * SIZE * shape.type().bytes(),
            HeadBlocks.columns(shape.headSize(), chunk),
            factor);
      }
      logSumExp.set(
          JAVA_FLOAT,
          shape.statistic(sample, head, position),
          references[r] + (float) Math.log(sum));
    }
  }
}
