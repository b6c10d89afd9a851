package io.gptjava.train.data;

import io.gptjava.core.Ops;
import java.util.Arrays;

/**
 * One micro-batch, reused from step to step. A batch with fewer samples keeps its shape: the
 * missing rows hold token 0 and {@link Ops#IGNORED_TARGET}.
 */
public final class Batch {
  private final int[] tokens;
  private final int[] targets;
  private final int[] firstVisible;
  private final int batchSize;
  private final int sequence;
  private int samples;

  /**
   * An empty batch.
   *
   * @param batchSize B
   * @param sequence T
   */
  public Batch(int batchSize, int sequence) {
    this.batchSize = batchSize;
    this.sequence = sequence;
    this.tokens = new int[batchSize * sequence];
    this.targets = new int[batchSize * sequence];
    this.firstVisible = new int[batchSize * sequence];
  }

  /** Input ids, (B, T). */
  public int[] tokens() {
    return tokens;
  }

  /** The id that follows each input, (B, T), or {@link Ops#IGNORED_TARGET}. */
  public int[] targets() {
    return targets;
  }

  /**
   * The first place of its row that each input may attend to, (B, T); 0 wherever documents are not
   * kept apart. The attention mask has ones from there to the input's own place.
   */
  public int[] firstVisible() {
    return firstVisible;
  }

  /**
   * Keeps the documents of all rows apart: a separator begins one.
   *
   * @param separator id of {@code <|endoftext|>}
   */
  void separateDocuments(int separator) {
    for (int row = 0; row < tokens.length; row += sequence) {
      int first = 0;
      for (int t = 0; t < sequence; t++) {
        first = tokens[row + t] == separator ? t : first;
        firstVisible[row + t] = first;
      }
    }
  }

  /** B. */
  public int batchSize() {
    return batchSize;
  }

  /** T. */
  public int sequence() {
    return sequence;
  }

  /** Number of real samples, at most B. */
  public int samples() {
    return samples;
  }

  /** Sets the number of real samples and blanks the rows after them. */
  public void samples(int newSamples) {
    samples = newSamples;
    Arrays.fill(tokens, newSamples * sequence, tokens.length, 0);
    Arrays.fill(targets, newSamples * sequence, targets.length, Ops.IGNORED_TARGET);
  }

  /** Number of targets that count. */
  public long targetCount() {
    long count = 0;
    for (int target : targets) {
      if (target != Ops.IGNORED_TARGET) {
        count++;
      }
    }
    return count;
  }
}
