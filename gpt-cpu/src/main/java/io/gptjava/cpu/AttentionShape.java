package io.gptjava.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * Sizes of one attention call, and where the parts of its tensors are.
 *
 * @param batch B
 * @param sequence T
 * @param width C
 * @param heads NH
 * @param type of the tensors: F32 or BF16
 * @param firstVisible (B, T) first key that a query sees, or null for 0
 */
record AttentionShape(
    int batch, int sequence, int width, int heads, DType type, MemorySegment firstVisible) {

  static AttentionShape of(Tensor qkv, Tensor firstVisibleOrNull, int heads) {
    Operands.require(qkv.rank() == 3 && heads > 0 && qkv.size(2) % (3L * heads) == 0, "qkv", qkv);
    int batch = (int) qkv.size(0);
    int sequence = (int) qkv.size(1);
    MemorySegment first = null;
    if (firstVisibleOrNull != null) {
      first = Operands.ints("firstVisible", firstVisibleOrNull, (long) batch * sequence);
      for (long i = 0; i < (long) batch * sequence; i++) {
        int key = first.getAtIndex(JAVA_INT, i);
        if (key < 0 || key > i % sequence) {
          throw new IllegalArgumentException(
              "first visible key %d of query %d".formatted(key, i % sequence));
        }
      }
    }
    DType type = Operands.type("qkv", qkv);
    return new AttentionShape(batch, sequence, (int) (qkv.size(2) / 3), heads, type, first);
  }

  /** HS. */
  int headSize() {
    return width / heads;
  }

  /** Factor of the scores, 1 / √HS. */
  float scale() {
    return (float) (1 / Math.sqrt(headSize()));
  }

  /** Chunks of 64 columns that cover a head. */
  int chunks() {
    return HeadBlocks.count(headSize());
  }

  /** Blocks of 64 positions. */
  int blocks() {
    return HeadBlocks.count(sequence);
  }

  /** Rows of a block: 64, fewer in the last. */
  int rows(int block) {
    return Math.min(BlockProduct.SIZE, sequence - block * BlockProduct.SIZE);
  }

  /** Byte offset of query (third 0), key (1) or value (2) of a position in (B, T, 3C). */
  long packed(int sample, int position, int third, int head) {
    long row = (long) sample * sequence + position;
    return type.bytes() * ((row * 3 + third) * width + (long) head * headSize());
  }

  /** Bytes between positions of (B, T, 3C). */
  long packedStride() {
    return 3L * type.bytes() * width;
  }

  /** Byte offset of a position's head in (B, T, C). */
  long plain(int sample, int position, int head) {
    return type.bytes()
        * (((long) sample * sequence + position) * width + (long) head * headSize());
  }

  /** Bytes between positions of (B, T, C). */
  long plainStride() {
    return (long) type.bytes() * width;
  }

  /** Byte offset in (B, NH, T). */
  long statistic(int sample, int head, int position) {
    return 4 * (((long) sample * heads + head) * sequence + position);
  }

  /** First key that the query sees. */
  int first(int sample, int query) {
    return firstVisible == null
        ? 0
        : firstVisible.getAtIndex(JAVA_INT, (long) sample * sequence + query);
  }

  /** First block of keys that any query of a block sees. */
  int firstBlock(int sample, int queryBlock) {
    if (firstVisible == null) {
      return 0;
    }
    int first = sequence;
    for (int r = 0; r < rows(queryBlock); r++) {
      first = Math.min(first, first(sample, queryBlock * BlockProduct.SIZE + r));
    }
    return first / BlockProduct.SIZE;
  }
}
