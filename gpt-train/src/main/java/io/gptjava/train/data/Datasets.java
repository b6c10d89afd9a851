package io.gptjava.train.data;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.config.DataConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The data of a run, ready for training.
 *
 * @param training shuffled and cut off as configured
 * @param validation in order, its last batch filled with ignored targets; empty if there is none
 * @param documents texts or shards, of both
 * @param characters Unicode characters of both; 0 for shards
 * @param tokens of all the data; where a text is split inside a word this differs from the sum of
 *     the two splits
 * @param trainingTokens tokens of the training split
 * @param validationTokens tokens of the validation split
 * @param owned what {@link #close} gives back
 */
public record Datasets(
    WindowLoader training,
    Optional<WindowLoader> validation,
    int documents,
    long characters,
    long tokens,
    long trainingTokens,
    long validationTokens,
    List<TokenSource> owned)
    implements AutoCloseable {

  /** The text that a run without {@code --data} trains on. */
  public static final String STORY = "/io/gptjava/train/story.txt";

  private static final String CONTEXT_LENGTH = "--context-length";

  /** Copies the list. */
  public Datasets {
    owned = List.copyOf(owned);
  }

  /**
   * Loads the data of a run whose sequence length is its context length.
   *
   * @param sequenceLength T
   * @param batchSize B
   * @param seed of the epochs' orders
   * @throws GptException with {@link Failure#DATA} if the data is missing, malformed or too little
   */
  public static Datasets load(
      DataConfig config, int sequenceLength, int batchSize, long seed, TextEncoder encoder) {
    return load(config, sequenceLength, CONTEXT_LENGTH, batchSize, seed, encoder);
  }

  /**
   * Loads the data of a run.
   *
   * @param lengthFlag the flag that errors about too little text name: {@code --context-length}, or
   *     {@code --sequence-length} if the user set that
   */
  public static Datasets load(
      DataConfig config,
      int sequenceLength,
      String lengthFlag,
      int batchSize,
      long seed,
      TextEncoder encoder) {
    return load(config, sequenceLength, lengthFlag, batchSize, seed, encoder, false);
  }

  /**
   * Loads data that a model is evaluated on and not trained: all of it, in order, as {@link
   * #training}.
   */
  public static Datasets forEvaluation(
      DataConfig config, int sequenceLength, int batchSize, TextEncoder encoder) {
    return load(config, sequenceLength, "--sequence-length", batchSize, 0, encoder, true);
  }

  private static Datasets load(
      DataConfig config,
      int sequenceLength,
      String lengthFlag,
      int batchSize,
      long seed,
      TextEncoder encoder,
      boolean evaluation) {
    if (!(config.trainRatio() > 0 && config.trainRatio() <= 1)) {
      throw new GptException(
          Failure.USAGE,
          "--train-ratio %s is not in (0, 1]; 0.9 keeps a tenth for validation, 1 nothing"
              .formatted(config.trainRatio()));
    }
    Splits splits = splits(config, encoder);
    try {
      WindowLoader training =
          loader(config, splits.training, sequenceLength, batchSize, seed, true);
      TooLittleData check = new TooLittleData(lengthFlag, sequenceLength, batchSize);
      boolean divided = config.validation().isEmpty() && config.trainRatio() < 1;
      if (evaluation) {
        check.evaluation(training);
      } else {
        check.training(training, divided);
      }
      Optional<WindowLoader> validation =
          Optional.ofNullable(splits.validation)
              .map(tokens -> loader(config, tokens, sequenceLength, batchSize, seed, false));
      validation.ifPresent(loader -> check.validation(loader, divided));
      return new Datasets(
          training,
          validation,
          splits.documents,
          splits.characters,
          splits.tokens,
          splits.training.size(),
          validation.map(WindowLoader::tokens).orElse(0L),
          splits.owned);
    } catch (RuntimeException e) {
      splits.owned.forEach(TokenSource::close);
      throw e;
    }
  }

  private static WindowLoader loader(
      DataConfig config,
      TokenSource tokens,
      int sequenceLength,
      int batchSize,
      long seed,
      boolean training) {
    return new WindowLoader(
        tokens,
        sequenceLength,
        config.stride() == 0 ? sequenceLength : config.stride(),
        batchSize,
        training && config.shuffle(),
        training && config.dropLast(),
        seed);
  }

  /** Tokens of both splits, and what is known about where they come from. */
  private static final class Splits {
    private TokenSource training;
    private TokenSource validation;
    private int documents;
    private long characters;
    private long tokens;
    private final List<TokenSource> owned = new ArrayList<>();
  }

  private static Splits splits(DataConfig config, TextEncoder encoder) {
    int workers =
        config.workers() > 0 ? config.workers() : Runtime.getRuntime().availableProcessors();
    boolean whole = !config.validation().isEmpty() || config.trainRatio() == 1;
    Splits splits = new Splits();
    try {
      Part data = read(splits, "--data", config.train(), encoder);
      if (whole) {
        splits.training = data.all(encoder, workers);
        splits.tokens = splits.training.size();
      } else if (data.shards != null) {
        long cut = (long) (config.trainRatio() * data.shards.size());
        splits.training = data.shards.slice(0, cut);
        splits.validation = data.shards.slice(cut, data.shards.size());
        splits.tokens = data.shards.size();
      } else {
        long cut = data.corpus.splitAt(config.trainRatio());
        long end = data.corpus.characters();
        splits.training = data.corpus.tokens(encoder, 0, cut, workers);
        splits.validation = data.corpus.tokens(encoder, cut, end, workers);
        splits.tokens =
            splits.training.size()
                + splits.validation.size()
                + SplitCorrection.tokens(data.corpus, cut, encoder);
      }
      if (!config.validation().isEmpty()) {
        splits.validation =
            read(splits, "--val-data", config.validation(), encoder).all(encoder, workers);
        splits.tokens += splits.validation.size();
      }
      return splits;
    } catch (RuntimeException e) {
      splits.owned.forEach(TokenSource::close);
      throw e;
    }
  }

  /** Text or shards: one of the two is null. */
  private record Part(TextCorpus corpus, TokenSource shards) {
    TokenSource all(TextEncoder encoder, int workers) {
      return shards != null ? shards : corpus.tokens(encoder, workers);
    }
  }

  private static Part read(Splits splits, String flag, List<Path> paths, TextEncoder encoder) {
    TextCorpus corpus;
    if (paths.isEmpty()) {
      corpus = TextCorpus.ofResource(STORY);
    } else {
      DataPaths found = DataPaths.resolve(flag, paths);
      if (found.shards()) {
        List<TokenFile> shards = new ArrayList<>();
        for (Path file : found.files()) {
          TokenFile shard = TokenFile.open(file, encoder.vocabularySize());
          splits.owned.add(shard);
          shards.add(shard);
        }
        splits.documents += shards.size();
        return new Part(null, new JoinedTokens(shards));
      }
      corpus = TextCorpus.open(found.files());
    }
    splits.documents += corpus.documents();
    splits.characters += corpus.characters();
    return new Part(corpus, null);
  }

  /** Unmaps token shards; to be called when nothing reads the loaders any more. */
  @Override
  public void close() {
    owned.forEach(TokenSource::close);
  }
}
