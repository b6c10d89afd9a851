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
  private final long windows;
  private final int separator;
  private final long[] partBegins; // of mixed data sets, in tokens; null for one
  private final WindowMixture mixture; // likewise
  private final int batches;
  private final EpochOrders orders; // null if not shuffled here

  /** Documents are not kept apart. */
  static final int NO_SEPARATOR = -1;

  /**
   * One of several data sets that are mixed.
   *
   * @param name for people
   * @param tokens in it
   * @param weight share among the windows, relative to the others'
   */
  record Part(String name, long tokens, double weight) {}

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
    this(tokens, List.of(), sequence, stride, batchSize, shuffle, dropLast, seed, NO_SEPARATOR);
  }

  /**
   * A loader of data sets that are mixed, or of documents that are kept apart.
   *
   * @param parts sizes and weights of the data sets that {@code tokens} joins; empty for one, which
   *     is then not mixed. No window crosses from one to the next.
   * @param separator token at which each batch's documents are kept apart, or {@link #NO_SEPARATOR}
   */
  WindowLoader(
      TokenSource tokens,
      List<Part> parts,
      int sequence,
      int stride,
      int batchSize,
      boolean shuffle,
      boolean dropLast,
      long seed,
      int separator) {
    this.tokens = tokens;
    this.sequence = positive("--sequence-length", sequence);
    this.stride = positive("--stride", stride);
    this.batchSize = positive("--batch-size", batchSize);
    this.separator = separator;
    if (parts.isEmpty()) {
      partBegins = null;
      mixture = null;
      windows = windows(tokens.size(), sequence, stride);
    } else {
      partBegins = new long[parts.size()];
      long[] counts = new long[parts.size()];
      double[] weights = new double[parts.size()];
      long begin = 0;
      for (int i = 0; i < counts.length; i++) {
        Part part = parts.get(i);
        partBegins[i] = begin;
        begin += part.tokens;
        weights[i] = part.weight;
        counts[i] = windows(part.tokens, sequence, stride);
        if (counts[i] == 0) {
          throw new GptException(
              Failure.DATA,
              "Not enough tokens to mix: %s has %d for training, a window takes %d; add data or leave it out"
                  .formatted(part.name, part.tokens, sequence + 1));
        }
      }
      mixture = new WindowMixture(counts, weights, seed);
      windows = mixture.size();
    }
    orders = shuffle && mixture == null ? new EpochOrders(seed, windows) : null;
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

  @Override
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
      readWindow(begin(epoch, numbers[sample]), batch, sample * sequence);
    }
    if (separator != NO_SEPARATOR) {
      batch.separateDocuments(separator);
    }
  }

  /** Where a window begins: one of {@link #numbers}. */
  private long begin(int epoch, long number) {
    if (mixture == null) {
      return number * stride;
    }
    long[] at = new long[2];
    mixture.at(epoch, number, at);
    return partBegins[(int) at[0]] + at[1] * stride;
  }

  /** The windows of a batch; of mixed data sets, places in the mixture. */
  private long[] numbers(int epoch, int index) {
    long first = (long) index * batchSize;
    long[] numbers = new long[(int) Math.min(batchSize, windows - first)];
    EpochOrder permutation = orders == null ? null : orders.of(epoch);
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
              long from = begin(epoch, number);
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
}
