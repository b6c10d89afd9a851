package io.gptjava.train.data;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.Ops;
import java.util.Arrays;
import java.util.List;

/**
 * One document a sample: its first T tokens, each with the token that follows as its target, {@code
 * <|endoftext|>} behind the last. What is longer is cut off. Shorter ones are filled up at the end
 * with {@code <|endoftext|>} whose targets are ignored; no token sees them, since attention looks
 * back only. Documents are what lies between {@code <|endoftext|>} markers; empty ones are left
 * out. May be read by several threads.
 */
public final class DocumentLoader implements BatchSource {
  private static final int CHUNK = 1 << 14;

  private final TokenSource tokens;
  private final int separator;
  private final int sequence;
  private final int batchSize;
  private final long[] begins; // of each document, and one past the end of the data
  private final long[] ends;
  private final int batches;
  private final EpochOrders orders; // null if not shuffled

  /**
   * A loader; it reads all tokens once.
   *
   * @param separator id of {@code <|endoftext|>}
   * @param sequence T
   * @param batchSize B
   * @param shuffle whether each epoch has its own order
   * @param dropLast whether a last batch of fewer than B documents is left out
   */
  public DocumentLoader(
      TokenSource tokens,
      int separator,
      int sequence,
      int batchSize,
      boolean shuffle,
      boolean dropLast,
      long seed) {
    this.tokens = tokens;
    this.separator = separator;
    this.sequence = sequence;
    this.batchSize = batchSize;
    long[] found = new long[1 << 10];
    int count = 0;
    int[] chunk = new int[CHUNK];
    long begin = 0;
    for (long from = 0; from <= tokens.size(); from += CHUNK) {
      int length = (int) Math.min(CHUNK, tokens.size() - from);
      tokens.copy(from, chunk, 0, length);
      boolean last = from + CHUNK > tokens.size();
      for (int i = 0; i < length + (last ? 1 : 0); i++) {
        if (i == length || chunk[i] == separator) {
          if (from + i > begin) {
            if (2 * count == found.length) {
              found = Arrays.copyOf(found, Math.multiplyExact(found.length, 2));
            }
            found[2 * count] = begin;
            found[2 * count + 1] = from + i;
            count++;
          }
          begin = from + i + 1;
        }
      }
    }
    begins = new long[count];
    ends = new long[count];
    for (int i = 0; i < count; i++) {
      begins[i] = found[2 * i];
      ends[i] = found[2 * i + 1];
    }
    orders = shuffle ? new EpochOrders(seed, count) : null;
    batches = dropLast ? count / batchSize : Math.ceilDiv(count, batchSize);
    if (batches == 0) {
      throw new GptException(
          Failure.DATA,
          "Not enough documents for a batch: the data has %d, --batch-size is %d; lower it, use --no-drop-last, or add data"
              .formatted(count, batchSize));
    }
  }

  /** Number of documents that are not empty. */
  public int documents() {
    return begins.length;
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
  public long tokens() {
    return tokens.size();
  }

  @Override
  public void read(int epoch, int index, Batch batch) {
    if (batch.batchSize() != batchSize || batch.sequence() != sequence) {
      throw new IllegalArgumentException("a batch of another shape");
    }
    int[] chosen = documents(epoch, index);
    batch.samples(chosen.length);
    for (int sample = 0; sample < chosen.length; sample++) {
      fill(chosen[sample], batch, sample * sequence);
    }
  }

  private void fill(int document, Batch batch, int at) {
    long begin = begins[document];
    long length = ends[document] - begin;
    int kept = (int) Math.min(sequence, length);
    int[] inputs = batch.tokens();
    int[] targets = batch.targets();
    tokens.copy(begin, inputs, at, kept);
    Arrays.fill(inputs, at + kept, at + sequence, separator);
    System.arraycopy(inputs, at + 1, targets, at, kept - 1);
    if (length > kept) {
      tokens.copy(begin + kept, targets, at + kept - 1, 1);
    } else {
      targets[at + kept - 1] = separator;
    }
    Arrays.fill(targets, at + kept, at + sequence, Ops.IGNORED_TARGET);
  }

  private int[] documents(int epoch, int index) {
    if (index < 0 || index >= batches) {
      throw new IndexOutOfBoundsException("batch " + index + " of " + batches);
    }
    int first = index * batchSize;
    int[] chosen = new int[Math.min(batchSize, begins.length - first)];
    EpochOrder permutation = orders == null ? null : orders.of(epoch);
    for (int i = 0; i < chosen.length; i++) {
      chosen[i] = permutation == null ? first + i : (int) permutation.at(first + i);
    }
    return chosen;
  }

  @Override
  public List<BatchName.Sample> samples(int epoch, int index) {
    return Arrays.stream(documents(epoch, index))
        .mapToObj(d -> new BatchName.Sample(d, tokens.place(begins[d], ends[d])))
        .toList();
  }
}
