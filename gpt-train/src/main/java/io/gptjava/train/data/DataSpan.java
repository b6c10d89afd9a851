package io.gptjava.train.data;

import java.util.Comparator;

/**
 * The micro-batches of an optimizer step.
 *
 * @param epoch from 0
 * @param firstBatch first of them in the epoch, from 0
 * @param batches how many
 */
public record DataSpan(int epoch, int firstBatch, int batches) implements Comparable<DataSpan> {
  private static final Comparator<DataSpan> ORDER =
      Comparator.comparingInt(DataSpan::epoch)
          .thenComparingInt(DataSpan::firstBatch)
          .thenComparingInt(DataSpan::batches);

  /** In the order of the data. */
  @Override
  public int compareTo(DataSpan other) {
    return ORDER.compare(this, other);
  }
}
