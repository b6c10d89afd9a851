package io.gptjava.train.data;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.Ops;
import java.util.Arrays;
import java.util.List;

/**
 * Cuts tokens into windows that begin at {@code range(0, n − T, stride)}: inputs are the T tokens
 * from there, targets the T tokens one further on. Batches take windows in order, or each epoch in
 * a new order that depends on the seed and the epoch alone. May be read by several threads.
 */
public final class WindowLoader implements BatchSource {
  private final TokenSource tokens;
  private final int sequence;
  private final int stride;
  private final int batchSize;
  private final boolean shuffle;
  private final long seed;
  private final long windows;
  private final int batches;
  private volatile EpochOrder order;

  /**
   * A loader; fewer than T + 1 tokens give no window.
   *
   * @param sequence T
   * @param stride distance of window starts in tokens
   * @param batchSize B
   * @param shuffle whether each epoch has its own order
   * @param dropLast whether a last batch of fewer than B windows is left out; otherwise ignored
   *     targets fill it
   * @param seed of the orders
   */
  public WindowLoader(
      TokenSource tokens,
      int sequence,
      int stride,
      int batchSize,
      boolean shuffle,
      boolean dropLast,
      long seed) {
    this.tokens = tokens;
    this.sequence = positive("--sequence-length", sequence);
    this.stride = positive("--stride", stride);
    this.batchSize = positive("--batch-size", batchSize);
    this.shuffle = shuffle;
    this.seed = seed;
    this.windows = windows(tokens.size(), sequence, stride);
    long count = dropLast ? windows / batchSize : (windows + batchSize - 1) / batchSize;
    if (count > Integer.MAX_VALUE) {
      throw new GptException(
          Failure.USAGE,
          "%,d tokens make %,d batches an epoch, at most %,d are possible; raise --batch-size or --stride"
              .formatted(tokens.size(), count, Integer.MAX_VALUE));
    }
    this.batches = (int) count;
  }

  private static int positive(String flag, int value) {
    if (value < 1) {
      throw new GptException(Failure.USAGE, flag + " must be at least 1, got " + value);
    }
    return value;
  }

  /** Number of windows in n tokens. */
  static long windows(long tokens, int sequence, int stride) {
    return tokens <= sequence ? 0 : (tokens - sequence + stride - 1) / stride;
  }

  /** Number of windows, those of a dropped batch included. */
  public long windows() {
    return windows;
  }

  /** Number of tokens that the windows are cut from. */
  public long tokens() {
    return tokens.size();
  }

  @Override
  public int batches() {
    return batches;
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
  public void read(int epoch, int index, Batch batch) {
    if (batch.batchSize() != batchSize || batch.sequence() != sequence) {
      throw new IllegalArgumentException(
          "a batch of (%d, %d) for a loader of (%d, %d)"
              .formatted(batch.batchSize(), batch.sequence(), batchSize, sequence));
    }
    if (index < 0 || index >= batches) {
      throw new IndexOutOfBoundsException("batch " + index + " of " + batches);
    }
    long[] numbers = numbers(epoch, index);
    batch.samples(numbers.length);
    for (int sample = 0; sample < numbers.length; sample++) {
      readWindow(numbers[sample] * stride, batch, sample * sequence);
    }
  }

  /** The windows of a batch. */
  private long[] numbers(int epoch, int index) {
    long first = (long) index * batchSize;
    long[] numbers = new long[(int) Math.min(batchSize, windows - first)];
    EpochOrder permutation = shuffle ? order(epoch) : null;
    for (int sample = 0; sample < numbers.length; sample++) {
      long place = first + sample;
      numbers[sample] = permutation == null ? place : permutation.at(place);
    }
    return numbers;
  }

  @Override
  public List<BatchName.Sample> samples(int epoch, int index) {
    return Arrays.stream(numbers(epoch, index))
        .mapToObj(
            number -> {
              long from = number * stride;
              return new BatchName.Sample(number, tokens.place(from, from + sequence + 1));
            })
        .toList();
  }

  private void readWindow(long from, Batch batch, int at) {
    int[] inputs = batch.tokens();
    int[] targets = batch.targets();
    tokens.copy(from, inputs, at, sequence);
    System.arraycopy(inputs, at + 1, targets, at, sequence - 1);
    tokens.copy(from + sequence, targets, at + sequence - 1, 1);
    assert targets[at + sequence - 1] != Ops.IGNORED_TARGET;
  }

  private EpochOrder order(int epoch) {
    EpochOrder current = order;
    if (current == null || current.epoch() != epoch) {
      current = new EpochOrder(seed, epoch, windows);
      order = current;
    }
    return current;
  }
}
