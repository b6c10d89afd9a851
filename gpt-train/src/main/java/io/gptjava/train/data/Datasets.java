package io.gptjava.train.data;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.config.DataConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
 * @param validationShards shards among the training data that are for validation by their names
 *     ({@code val.bin}, {@code fineweb_val_000000.bin}): read as such, or left out if there is
 *     validation data apart
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
    List<Path> validationShards,
    List<TokenSource> owned)
    implements AutoCloseable {

  /** The text that a run without {@code --data} trains on. */
  public static final String STORY = "/io/gptjava/train/story.txt";

  private static final String CONTEXT_LENGTH = "--context-length";

  /** Copies the list. */
  public Datasets {
    validationShards = List.copyOf(validationShards);
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
    Splits splits = splits(config, encoder, evaluation);
    try {
      WindowLoader training =
          loader(config, splits.training, sequenceLength, batchSize, seed, true);
      TooLittleData check = new TooLittleData(lengthFlag, sequenceLength, batchSize);
      boolean divided =
          config.validation().isEmpty()
              && splits.validationShards.isEmpty()
              && config.trainRatio() < 1;
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
          splits.validationShards,
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
    private List<Path> validationShards = List.of();
    private final List<TokenSource> owned = new ArrayList<>();
  }

  private static Splits splits(DataConfig config, TextEncoder encoder, boolean evaluation) {
    int workers =
        config.workers() > 0 ? config.workers() : Runtime.getRuntime().availableProcessors();
    Splits splits = new Splits();
    try {
      Part data = readTraining(splits, config, encoder, evaluation);
      boolean apart = !config.validation().isEmpty() || !splits.validationShards.isEmpty();
      if (apart || config.trainRatio() == 1) {
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
      } else if (!splits.validationShards.isEmpty()) {
        splits.validation = shards(splits, splits.validationShards, encoder).shards;
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

  private static Part readTraining(
      Splits splits, DataConfig config, TextEncoder encoder, boolean evaluation) {
    if (config.train().isEmpty()) {
      return text(splits, TextCorpus.ofResource(STORY));
    }
    DataPaths found = DataPaths.resolve("--data", config.train());
    if (!found.shards() || evaluation) {
      return read(splits, found, encoder);
    }
    Map<Boolean, List<Path>> divided = found.byValidation();
    splits.validationShards = divided.get(true);
    return shards(splits, divided.get(false), encoder);
  }

  private static Part read(Splits splits, String flag, List<Path> paths, TextEncoder encoder) {
    return read(splits, DataPaths.resolve(flag, paths), encoder);
  }

  private static Part read(Splits splits, DataPaths found, TextEncoder encoder) {
    return found.shards()
        ? shards(splits, found.files(), encoder)
        : text(splits, TextCorpus.open(found.files()));
  }

  private static Part shards(Splits splits, List<Path> files, TextEncoder encoder) {
    List<TokenFile> shards = new ArrayList<>();
    for (Path file : files) {
      TokenFile shard = TokenFile.open(file, encoder.vocabularySize());
      splits.owned.add(shard);
      shards.add(shard);
    }
    splits.documents += shards.size();
    return new Part(null, new JoinedTokens(shards));
  }

  private static Part text(Splits splits, TextCorpus corpus) {
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
