package io.gptjava.train.config;

import java.nio.file.Path;
import java.util.List;

/**
 * Where the tokens come from and how they are cut.
 *
 * @param train text files, directories, globs or {@code .bin} shards; empty for the bundled story
 * @param validation the same, apart; empty to take the shards of {@code train} that are named for
 *     it ({@code val.bin}, {@code fineweb_val_000000.bin}) or, without such, to split {@code train}
 *     by {@code trainRatio}
 * @param trainRatio share of the training data kept for training when {@code validation} is empty,
 *     in (0, 1]; raw text splits by characters, shards by tokens; 1 for no validation
 * @param stride distance of window starts in tokens; 0 for the sequence length
 * @param workers threads that tokenise and prefetch; 0 for one per processor
 * @param shuffle whether training windows are drawn in a new order each epoch
 * @param dropLast whether an incomplete last training batch is left out
 * @param weights of each path of {@code train} as a data set of its own: shares of the training
 *     windows, of any sum; empty to join the paths
 * @param documents what the marker between documents means
 */
public record DataConfig(
    List<Path> train,
    List<Path> validation,
    double trainRatio,
    int stride,
    int workers,
    boolean shuffle,
    boolean dropLast,
    List<Double> weights,
    Documents documents) {
  /** Copies the lists. */
  public DataConfig {
    train = List.copyOf(train);
    validation = List.copyOf(validation);
    weights = List.copyOf(weights);
  }

  /** Paths that are joined, documents that are. */
  public DataConfig(
      List<Path> train,
      List<Path> validation,
      double trainRatio,
      int stride,
      int workers,
      boolean shuffle,
      boolean dropLast) {
    this(
        train,
        validation,
        trainRatio,
        stride,
        workers,
        shuffle,
        dropLast,
        List.of(),
        Documents.JOINED);
  }
}
