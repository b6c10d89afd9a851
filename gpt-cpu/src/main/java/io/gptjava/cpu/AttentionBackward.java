package io.gptjava.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.gptjava.core.DType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * One worker's gradient of one head's attention, 64 queries by 64 keys at a time (FlashAttention,
 * Dao et al., 2022, algorithm 4). With P the softmax, M the dropout factors and D[i] =
 * dOut[i]·out[i]: {@code dP = M ⊙ (dOut·vᵀ)}, {@code dS = P ⊙ (dP − D)}, {@code dq = dS·k / √HS},
 * {@code dk = dSᵀ·q / √HS}, {@code dv = (M ⊙ P)ᵀ·dOut}.
 */
final class AttentionBackward {
  private static final int SIZE = BlockProduct.SIZE;
  private static final int AREA = BlockProduct.AREA;
  private static final int STEP = Vectors.F.length();

  private final ScoreMask mask;
  private final float[] scores = new float[AREA]; // S, then M ⊙ P
  private final float[] slopes = new float[AREA]; // dOut·vᵀ, then dS
  private final float[] logSums = new float[SIZE];
  private final float[] corrections = new float[SIZE]; // D

  private float[] queries = new float[0];
  private float[] dQueries = new float[0];
  private float[] dOutputs = new float[0];
  private float[] outputs = new float[0];
  private float[] keys = new float[0]; // (block, chunk, 64 keys, 64 of HS)
  private float[] keysTransposed = new float[0];
  private float[] valuesTransposed = new float[0];
  private float[] dKeys = new float[0];
  private float[] dValues = new float[0];

  AttentionBackward(DropoutMask dropout) {
    mask = new ScoreMask(dropout);
  }

  /** Computes the gradient of a head. */
  void run(
      AttentionShape shape,
      MemorySegment dOut,
      MemorySegment qkv,
      MemorySegment out,
      MemorySegment logSumExp,
      MemorySegment dQkv,
      int sample,
      int head) {
    prepare(shape, qkv, sample, head);
    int size = shape.headSize();
    DType type = shape.type();
    for (int block = 0; block < shape.blocks(); block++) {
      int first = block * SIZE;
      int rows = shape.rows(block);
      long from = shape.packed(sample, first, 0, head);
      HeadBlocks.load(qkv, type, from, shape.packedStride(), rows, size, shape.scale(), queries, 0);
      long plain = shape.plain(sample, first, head);
      HeadBlocks.load(dOut, type, plain, shape.plainStride(), rows, size, 1, dOutputs, 0);
      HeadBlocks.load(out, type, plain, shape.plainStride(), rows, size, 1, outputs, 0);
      for (int r = 0; r < rows; r++) {
        logSums[r] = logSumExp.get(JAVA_FLOAT, shape.statistic(sample, head, first + r));
        corrections[r] = correction(r, size);
      }
      Arrays.fill(dQueries, 0, shape.chunks() * AREA, 0);
      for (int key = shape.firstBlock(sample, block); key <= block; key++) {
        step(shape, sample, head, block, key, rows);
      }
      HeadBlocks.store(
          dQueries, 0, dQkv, type, from, shape.packedStride(), rows, size, shape.scale());
    }
    for (int block = 0; block < shape.blocks(); block++) {
      int at = block * shape.chunks() * AREA;
      int rows = shape.rows(block);
      long key = shape.packed(sample, block * SIZE, 1, head);
      HeadBlocks.store(dKeys, at, dQkv, type, key, shape.packedStride(), rows, size, 1);
      long value = shape.packed(sample, block * SIZE, 2, head);
      HeadBlocks.store(dValues, at, dQkv, type, value, shape.packedStride(), rows, size, 1);
    }
  }

  private void prepare(AttentionShape shape, MemorySegment qkv, int sample, int head) {
    int block = shape.chunks() * AREA;
    int all = shape.blocks() * block;
    queries = HeadBlocks.room(queries, block);
    dQueries = HeadBlocks.room(dQueries, block);
    dOutputs = HeadBlocks.room(dOutputs, block);
    outputs = HeadBlocks.room(outputs, block);
    keys = HeadBlocks.room(keys, all);
    keysTransposed = HeadBlocks.room(keysTransposed, all);
    valuesTransposed = HeadBlocks.room(valuesTransposed, all);
    dKeys = HeadBlocks.room(dKeys, all);
    dValues = HeadBlocks.room(dValues, all);
    Arrays.fill(dKeys, 0, all, 0);
    Arrays.fill(dValues, 0, all, 0);
    long stride = shape.packedStride();
    for (int i = 0; i < shape.blocks(); i++) {
      int at = i * block;
      long key = shape.packed(sample, i * SIZE, 1, head);
      HeadBlocks.load(qkv, shape.type(), key, stride, shape.rows(i), shape.headSize(), 1, keys, at);
      System.arraycopy(keys, at, keysTransposed, at, block);
      long value = shape.packed(sample, i * SIZE, 2, head);
      HeadBlocks.load(
          qkv,
          shape.type(),
          value,
          stride,
          shape.rows(i),
          shape.headSize(),
          1,
          valuesTransposed,
          at);
      for (int chunk = at; chunk < at + block; chunk += AREA) {
        HeadBlocks.transpose(keysTransposed, chunk);
        HeadBlocks.transpose(valuesTransposed, chunk);
      }
    }
  }

  /** D of one row of the blocks: dOut times out. */
  private float correction(int r, int headSize) {
    FloatVector sum = FloatVector.zero(Vectors.F);
    float rest = 0;
    for (int chunk = 0; chunk * SIZE < headSize; chunk++) {
      int columns = HeadBlocks.columns(headSize, chunk);
      int row = chunk * AREA + r * SIZE;
      int bound = Vectors.F.loopBound(columns);
      for (int c = row; c < row + bound; c += STEP) {
        FloatVector dy = FloatVector.fromArray(Vectors.F, dOutputs, c);
        sum = dy.fma(FloatVector.fromArray(Vectors.F, outputs, c), sum);
      }
      for (int c = row + bound; c < row + columns; c++) {
        rest = Math.fma(dOutputs[c], outputs[c], rest);
      }
    }
    return Vectors.sum(sum) + rest;
  }

  private void step(AttentionShape shape, int sample, int head, int block, int key, int rows) {
    int chunks = shape.chunks();
    boolean diagonal = block == key;
    for (int chunk = 0; chunk < chunks; chunk++) {
      int depth = HeadBlocks.columns(shape.headSize(), chunk);
      int at = (key * chunks + chunk) * AREA;
      score(queries, chunk, keysTransposed, at, scores, rows, depth, diagonal);
      score(dOutputs, chunk, valuesTransposed, at, slopes, rows, depth, diagonal);
    }
    boolean drop = mask.active();
    if (drop) {
      mask.draw(shape, sample, head, block, key);
    }
    if (diagonal || shape.firstVisible() != null) {
      for (int r = 0; r < rows; r++) {
        int end = diagonal ? r + 1 : SIZE;
        long start = shape.first(sample, block * SIZE + r) - (long) key * SIZE;
        ScoreMask.hide(scores, r * SIZE, Math.clamp(start, 0, end), end);
      }
    }
    if (drop) {
      slopesDropped(rows, diagonal);
    } else {
      slopes(rows, diagonal);
    }
    int keyCount = shape.rows(key);
    for (int chunk = 0; chunk < chunks; chunk++) {
      int columns = HeadBlocks.columns(shape.headSize(), chunk);
      int at = (key * chunks + chunk) * AREA;
      int own = chunk * AREA;
      BlockProduct.multiplyTransposed(
          scores, 0, dOutputs, own, dValues, at, keyCount, columns, rows, diagonal);
      BlockProduct.multiplyTransposed(
          slopes, 0, queries, own, dKeys, at, keyCount, columns, rows, diagonal);
      if (diagonal) {
        BlockProduct.multiplyTriangle(slopes, 0, keys, at, dQueries, own, rows, columns, keyCount);
      } else {
        BlockProduct.multiply(slopes, 0, keys, at, dQueries, own, rows, columns, keyCount, true);
      }
    }
  }

  private static void score(
      float[] a, int chunk, float[] b, int at, float[] c, int rows, int depth, boolean diagonal) {
    if (diagonal) {
      BlockProduct.multiplyLower(a, chunk * AREA, b, at, c, 0, rows, depth, chunk > 0);
    } else {
      BlockProduct.multiply(a, chunk * AREA, b, at, c, 0, rows, SIZE, depth, chunk > 0);
    }
  }

  /** From S and dOut·vᵀ to P and dS, without dropout. */
  private void slopes(int rows, boolean diagonal) {
    for (int r = 0; r < rows; r++) {
      FloatVector logSum = FloatVector.broadcast(Vectors.F, logSums[r]);
      FloatVector correction = FloatVector.broadcast(Vectors.F, corrections[r]);
      int end = r * SIZE + (diagonal ? ScoreMask.padded(r + 1) : SIZE);
      for (int c = r * SIZE; c < end; c += STEP) {
        FloatVector dP = FloatVector.fromArray(Vectors.F, slopes, c);
        FloatVector p = SoftmaxWeight.of(FloatVector.fromArray(Vectors.F, scores, c).sub(logSum));
        p.intoArray(scores, c);
        p.mul(dP.sub(correction)).intoArray(slopes, c);
      }
    }
  }

  /** From S and dOut·vᵀ to M ⊙ P and dS. */
  private void slopesDropped(int rows, boolean diagonal) {
    float[] factors = mask.factors();
    for (int r = 0; r < rows; r++) {
      FloatVector logSum = FloatVector.broadcast(Vectors.F, logSums[r]);
      FloatVector correction = FloatVector.broadcast(Vectors.F, corrections[r]);
      int end = diagonal ? ScoreMask.padded(r + 1) : SIZE;
      for (int c = 0; c < end; c += STEP) {
        int at = r * SIZE + c;
        FloatVector factor = FloatVector.fromArray(Vectors.F, factors, ScoreMask.factor(r, c));
        FloatVector dP = FloatVector.fromArray(Vectors.F, slopes, at).mul(factor);
        FloatVector p = SoftmaxWeight.of(FloatVector.fromArray(Vectors.F, scores, at).sub(logSum));
        p.mul(factor).intoArray(scores, at);
        p.mul(dP.sub(correction)).intoArray(slopes, at);
      }
    }
  }
}
