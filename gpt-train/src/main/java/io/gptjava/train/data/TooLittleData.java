package io.gptjava.train.data;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;

/** Refuses loaders without a batch, and says what would give them one. */
record TooLittleData(String lengthFlag, int sequence, int batchSize) {

  /**
   * Checks the training loader.
   *
   * @param divided whether validation takes its share of the same data
   */
  void training(WindowLoader loader, boolean divided) {
    if (loader.batches() > 0) {
      return;
    }
    if (loader.windows() == 0) {
      throw tooShort("training", loader.tokens(), divided ? "raise --train-ratio" : null);
    }
    throw new GptException(
        Failure.DATA,
        ("Not enough tokens for the training loader: the split has %d tokens, %d windows of %s %d,"
                + " --batch-size is %d; lower it to %d or less, use --no-drop-last, or add data")
            .formatted(
                loader.tokens(),
                loader.windows(),
                lengthFlag,
                sequence,
                batchSize,
                loader.windows()));
  }

  /** Checks the validation loader. */
  void validation(BatchSource loader, boolean divided) {
    if (loader.batches() == 0) {
      throw tooShort("validation", loader.tokens(), divided ? "lower --train-ratio" : null);
    }
  }

  /** Checks the data of an evaluation without training. */
  void evaluation(WindowLoader loader) {
    if (loader.batches() == 0) {
      throw tooShort("evaluation", loader.tokens(), null);
    }
  }

  private GptException tooShort(String split, long tokens, String ratio) {
    StringBuilder fix = new StringBuilder();
    if (tokens > 1) {
      fix.append("lower it to ").append(tokens - 1).append(" or less, ");
    }
    if (ratio != null) {
      fix.append(ratio).append(", ");
    }
    fix.append(fix.isEmpty() ? "add data" : "or add data");
    return new GptException(
        Failure.DATA,
        "Not enough tokens for the %s loader: the split has %d tokens, %s is %d; %s"
            .formatted(split, tokens, lengthFlag, sequence, fix));
  }
}
