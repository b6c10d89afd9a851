package io.gptjava.train;

import io.gptjava.core.StepControl;
import io.gptjava.core.StepInputs;
import io.gptjava.train.data.Batch;
import io.gptjava.train.data.BatchSource;
import io.gptjava.train.model.GptModel;

/** Mean loss of a model over batches, dropout off. */
public final class Evaluator {
  private final GptModel model;
  private final StepControl control;

  /** An evaluator of a model on the backend that {@code control} belongs to. */
  public Evaluator(GptModel model, StepControl control) {
    this.model = model;
    this.control = control;
  }

  /**
   * Mean losses, in nats; NaN over no batches.
   *
   * @param loss mean of the batches' mean losses, as the source documents average them
   * @param lossPerToken mean over all targets, to which a smaller last batch contributes less
   * @param tokens targets that counted
   */
  public record Result(double loss, double lossPerToken, long tokens) {}

  /**
   * Evaluates the first batches of an epoch.
   *
   * @param mostBatches capped at the source's number; 0 for all
   */
  public Result evaluate(BatchSource source, int epoch, int mostBatches) {
    int batches = mostBatches == 0 ? source.batches() : Math.min(mostBatches, source.batches());
    Batch batch = new Batch(source.batchSize(), source.sequence());
    double sum = 0;
    double weighted = 0;
    long tokens = 0;
    for (int i = 0; i < batches; i++) {
      source.read(epoch, i, batch);
      long targets = batch.targetCount();
      control.begin(new StepInputs(0, 0, 0, 0, 1, targets));
      model.load(batch);
      model.evaluate();
      double loss = control.read().loss();
      sum += loss;
      weighted += loss * targets;
      tokens += targets;
    }
    return new Result(sum / batches, weighted / tokens, tokens);
  }
}
