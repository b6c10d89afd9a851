package io.gptjava.train.evaluate;

import io.gptjava.core.Backend;
import io.gptjava.core.Ops;
import io.gptjava.core.StepInputs;
import io.gptjava.train.data.Batch;
import io.gptjava.train.model.GptModel;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/**
 * Chooses endings by the probability that a model gives their tokens after the context. Of texts
 * longer than the model's sequence the last tokens take part.
 */
public final class ChoiceScorer {
  private final Backend backend;
  private final GptModel model;
  private final int sequence;
  private final Batch batch;
  private final float[] losses; // (B·T)

  /**
   * Examples answered right.
   *
   * @param right by the highest sum of log-probabilities
   * @param rightNormalised by the highest mean over the ending's tokens
   */
  public record Result(int examples, int right, int rightNormalised) {
    /** Share of {@code right}. */
    public double accuracy() {
      return (double) right / examples;
    }

    /** Share of {@code rightNormalised}. */
    public double normalisedAccuracy() {
      return (double) rightNormalised / examples;
    }
  }

  /** A scorer on a model. */
  public ChoiceScorer(Backend backend, GptModel model) {
    this.backend = backend;
    this.model = model;
    sequence = model.size().sequence();
    batch = new Batch(model.size().batch(), sequence);
    losses = new float[batch.batchSize() * sequence];
  }

  /** Answers all examples. */
  public Result score(List<Choice> choices) {
    int right = 0;
    int rightNormalised = 0;
    for (Choice choice : choices) {
      double[] sums = logProbabilities(choice);
      double[] means = sums.clone();
      for (int i = 0; i < means.length; i++) {
        means[i] /= counted(choice.endings().get(i));
      }
      right += best(sums) == choice.label() ? 1 : 0;
      rightNormalised += best(means) == choice.label() ? 1 : 0;
    }
    return new Result(choices.size(), right, rightNormalised);
  }

  private int counted(int[] ending) {
    return Math.min(ending.length, sequence);
  }

  /** Σ ln p of each ending's tokens. */
  double[] logProbabilities(Choice choice) {
    int count = choice.endings().size();
    double[] sums = new double[count];
    for (int from = 0; from < count; from += batch.batchSize()) {
      int rows = Math.min(batch.batchSize(), count - from);
      batch.samples(rows);
      for (int row = 0; row < rows; row++) {
        fill(choice.context(), choice.endings().get(from + row), row * sequence);
      }
      backend.stepControl().begin(new StepInputs(0, 0, 0, 0, 1, batch.targetCount()));
      model.load(batch);
      model.evaluate();
      backend.download(model.losses(), MemorySegment.ofArray(losses));
      for (int row = 0; row < rows; row++) {
        for (int t = 0; t < sequence; t++) {
          sums[from + row] -= losses[row * sequence + t];
        }
      }
    }
    return sums;
  }

  private void fill(int[] context, int[] ending, int at) {
    int[] all = Arrays.copyOf(context, context.length + ending.length);
    System.arraycopy(ending, 0, all, context.length, ending.length);
    int targets = Math.min(sequence, all.length - 1);
    int first = all.length - 1 - targets;
    for (int t = 0; t < sequence; t++) {
      int place = first + t;
      boolean inside = t < targets;
      batch.tokens()[at + t] = inside ? all[place] : 0;
      batch.targets()[at + t] =
          inside && place + 1 >= context.length ? all[place + 1] : Ops.IGNORED_TARGET;
    }
  }

  private static int best(double[] scores) {
    int best = 0;
    for (int i = 1; i < scores.length; i++) {
      best = scores[i] > scores[best] ? i : best;
    }
    return best;
  }
}
