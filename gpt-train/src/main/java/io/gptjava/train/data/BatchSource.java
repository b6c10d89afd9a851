package io.gptjava.train.data;

import java.util.List;

/**
 * Training or validation batches, addressed by epoch and index, so that a run can go on from
 * anywhere.
 */
public interface BatchSource {
  /** Number of batches in an epoch. */
  int batches();

  /** B. */
  int batchSize();

  /** T. */
  int sequence();

  /** Number of tokens that the batches are cut from; those of an epoch unless it is known. */
  default long tokens() {
    return (long) batches() * batchSize() * sequence();
  }

  /**
   * Fills {@code batch} with batch {@code index} of {@code epoch}. The same arguments always give
   * the same tokens.
   *
   * @param epoch from 0
   * @param index in [0, {@link #batches()})
   * @param batch of this source's B and T
   */
  void read(int epoch, int index, Batch batch);

  /**
   * Which windows of the data a batch holds, in order; empty if the source does not number them.
   */
  default List<BatchName.Sample> samples(int epoch, int index) {
    return List.of();
  }
}
