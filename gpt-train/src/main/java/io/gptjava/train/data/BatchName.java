package io.gptjava.train.data;

import java.util.ArrayList;
import java.util.List;

/**
 * The data of an optimizer step, for people who look for what is wrong with it.
 *
 * @param epoch from 1
 * @param firstBatch first micro-batch in the epoch, from 0
 * @param batches number of micro-batches
 * @param samples of all of them, in order; empty if the source does not number them
 */
public record BatchName(int epoch, int firstBatch, int batches, List<Sample> samples) {
  private static final int MOST_SHOWN = 8;

  /** Copies the list. */
  public BatchName {
    samples = List.copyOf(samples);
  }

  /**
   * A window of the data.
   *
   * @param number of the window, in the order of the data
   * @param place where its tokens lie
   */
  public record Sample(long number, String place) {}

  /**
   * Names some batches of a source.
   *
   * @param epoch from 0
   */
  public static BatchName of(BatchSource source, int epoch, int firstBatch, int batches) {
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < batches; i++) {
      samples.addAll(source.samples(epoch, firstBatch + i));
    }
    return new BatchName(epoch + 1, firstBatch, batches, samples);
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    text.append("epoch ").append(epoch).append(", batch ").append(firstBatch);
    if (batches > 1) {
      text.append("–").append(firstBatch + batches - 1);
    }
    for (int i = 0; i < Math.min(samples.size(), MOST_SHOWN); i++) {
      Sample sample = samples.get(i);
      text.append(i == 0 ? samples.size() == 1 ? ", sample " : ", samples " : ", ");
      text.append(sample.number).append(" (").append(sample.place).append(')');
    }
    if (samples.size() > MOST_SHOWN) {
      text.append(" and ").append(samples.size() - MOST_SHOWN).append(" more");
    }
    return text.toString();
  }
}
