package io.gptjava.train.evaluate;

import io.gptjava.core.Ops;
import io.gptjava.train.data.Batch;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.data.TokenSource;
import java.util.Arrays;

/**
 * Windows of T tokens that begin every {@code stride} tokens and overlap, so that a token is
 * predicted from at least T − stride before it where there are so many. Every token but the first
 * of the data counts exactly once, in the first window that reaches it.
 */
public final class SlidingWindows implements BatchSource {
  private final TokenSource tokens;
  private final int sequence;
  private final int stride;
  private final int batchSize;
  private final long windows;

  /**
   * Windows over tokens.
   *
   * @param tokens at least two
   * @param sequence T
   * @param stride in [1, T]
   * @param batchSize B
   */
  public SlidingWindows(TokenSource tokens, int sequence, int stride, int batchSize) {
    if (stride < 1 || stride > sequence || tokens.size() < 2) {
      throw new IllegalArgumentException(
          "stride %d, sequence %d, %d tokens".formatted(stride, sequence, tokens.size()));
    }
    this.tokens = tokens;
    this.sequence = sequence;
    this.stride = stride;
    this.batchSize = batchSize;
    long targets = tokens.size() - 1;
    windows = 1 + Math.ceilDiv(Math.max(0, targets - sequence), (long) stride);
  }

  @Override
  public int batches() {
    return Math.toIntExact(Math.ceilDiv(windows, (long) batchSize));
  }

  @Override
  public int batchSize() {
    return batchSize;
  }

  @Override
  public int sequence() {
    return sequence;
  }

  @Override
  public long tokens() {
    return tokens.size();
  }

  @Override
  public void read(int epoch, int index, Batch batch) {
    long first = (long) index * batchSize;
    int rows = (int) Math.min(batchSize, windows - first);
    batch.samples(rows);
    for (int row = 0; row < rows; row++) {
      readWindow(first + row, batch, row * sequence);
    }
  }

  private void readWindow(long window, Batch batch, int at) {
    long begin = window * stride;
    int length = (int) Math.min(sequence, tokens.size() - 1 - begin);
    // The window before has counted all but its last stride targets.
    int counted = window == 0 ? 0 : Math.min(length, sequence - stride);
    int[] inputs = batch.tokens();
    int[] targets = batch.targets();
    tokens.copy(begin, inputs, at, length);
    Arrays.fill(inputs, at + length, at + sequence, 0);
    Arrays.fill(targets, at, at + sequence, Ops.IGNORED_TARGET);
    tokens.copy(begin + 1 + counted, targets, at + counted, length - counted);
  }
}
