package io.gptjava.train.model;

import io.gptjava.core.GptConfig;
import io.gptjava.core.Precision;
import io.gptjava.train.config.Documents;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.config.TrainConfig;

/**
 * What decides how much memory a model takes.
 *
 * @param config shape of the model
 * @param precision number formats
 * @param recompute what backward computes again
 * @param batch B, sequences in a micro-batch
 * @param sequence T, at most the context length
 * @param documentsApart whether each batch says from where on every token sees others
 * @param train whether it will be trained, or only evaluated
 */
public record ModelSize(
    GptConfig config,
    Precision precision,
    Recompute recompute,
    int batch,
    int sequence,
    boolean documentsApart,
    boolean train) {
  /** Validates. */
  public ModelSize {
    if (sequence > config.contextLength()) {
      throw new IllegalArgumentException(sequence + " positions > " + config.contextLength());
    }
  }

  /** A model that sees its whole sequence. */
  public ModelSize(
      GptConfig config,
      Precision precision,
      Recompute recompute,
      int batch,
      int sequence,
      boolean train) {
    this(config, precision, recompute, batch, sequence, false, train);
  }

  /** The model that a run trains. */
  public static ModelSize of(TrainConfig config) {
    return new ModelSize(
        config.model(),
        config.precision(),
        config.recompute(),
        config.batch().batchSize(),
        config.batch().sequenceLength(),
        config.data().documents() == Documents.APART,
        true);
  }

  /** The same with another micro-batch. */
  public ModelSize withBatch(int batch) {
    return new ModelSize(config, precision, recompute, batch, sequence, documentsApart, train);
  }

  /** The same with other recomputation. */
  public ModelSize withRecompute(Recompute recompute) {
    return new ModelSize(config, precision, recompute, batch, sequence, documentsApart, train);
  }

  /** The same in other number formats. */
  public ModelSize withPrecision(Precision precision) {
    return new ModelSize(config, precision, recompute, batch, sequence, documentsApart, train);
  }

  /** N = B·T. */
  long rows() {
    return (long) batch * sequence;
  }
}
