package io.gptjava.train;

import io.gptjava.train.data.DataSpan;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/**
 * What a run remembers to tell good steps from bad ones, and the data that it leaves out; part of a
 * checkpoint.
 *
 * @param losses of the last good steps, oldest first; empty without a spike guard
 * @param logNorms natural logarithms of their gradient norms
 * @param skippedInARow updates that the spike guard dropped just now
 * @param passedOver data that went wrong and is not trained on, in the order of the data
 */
public record GuardState(
    List<Double> losses, List<Double> logNorms, int skippedInARow, List<DataSpan> passedOver) {
  /** Nothing yet. */
  public static final GuardState EMPTY = new GuardState(List.of(), List.of(), 0, List.of());

  /** Copies the lists. */
  public GuardState {
    losses = List.copyOf(losses);
    logNorms = List.copyOf(logNorms);
    passedOver = List.copyOf(passedOver);
  }

  /** After a step whose numbers count, with the newest {@code window} of them. */
  GuardState accept(double loss, double logNorm, int window) {
    return new GuardState(
        push(losses, loss, window), push(logNorms, logNorm, window), 0, passedOver);
  }

  private static List<Double> push(List<Double> values, double value, int window) {
    List<Double> longer = new ArrayList<>(values);
    longer.add(value);
    return longer.subList(Math.max(0, longer.size() - window), longer.size());
  }

  /** After a step whose update was dropped. */
  GuardState skipped() {
    return new GuardState(losses, logNorms, skippedInARow + 1, passedOver);
  }

  /** With more data to pass over. */
  GuardState passingOver(List<DataSpan> more) {
    TreeSet<DataSpan> all = new TreeSet<>(passedOver);
    all.addAll(more);
    return new GuardState(losses, logNorms, skippedInARow, List.copyOf(all));
  }
}
