package io.gptjava.train.data;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.config.DataConfig;
import io.gptjava.train.config.Documents;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
    BatchSource training,
    Optional<BatchSource> validation,
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

  /**
   * All tokens of some texts or shards, in order; to be closed.
   *
   * @param flag what errors call the paths
   * @param workers threads that tokenise
   */
  public static TokenSource tokens(
      String flag, List<Path> paths, TextEncoder encoder, int workers) {
    Splits splits = new Splits();
    try {
      return read(splits, flag, paths, encoder).all(encoder, workers);
    } catch (RuntimeException e) {
      splits.owned.forEach(TokenSource::close);
      throw e;
    }
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
      Loaders loaders = new Loaders(config, sequenceLength, batchSize, seed, encoder.endOfText());
      BatchSource training = loaders.training(splits.training, splits.mixed);
      TooLittleData check = new TooLittleData(lengthFlag, sequenceLength, batchSize);
      boolean divided =
          config.validation().isEmpty()
              && splits.validationShards.isEmpty()
              && config.trainRatio() < 1;
      if (training instanceof WindowLoader windows) {
        if (evaluation) {
          check.evaluation(windows);
        } else {
          check.training(windows, divided);
        }
      }
      Optional<BatchSource> validation =
          Optional.ofNullable(splits.validation).map(loaders::validation);
      validation.ifPresent(loader -> check.validation(loader, divided));
      return new Datasets(
          training,
          validation,
          splits.documents,
          splits.characters,
          splits.tokens,
          splits.training.size(),
          validation.map(BatchSource::tokens).orElse(0L),
          splits.validationShards,
          splits.owned);
    } catch (RuntimeException e) {
      splits.owned.forEach(TokenSource::close);
      throw e;
    }
  }

  /** Makes the loaders of a configuration. */
  private record Loaders(DataConfig config, int sequence, int batchSize, long seed, int endOfText) {
    BatchSource training(TokenSource tokens, List<WindowLoader.Part> mixed) {
      return of(tokens, mixed, config.shuffle(), config.dropLast());
    }

    BatchSource validation(TokenSource tokens) {
      return of(tokens, List.of(), false, false);
    }

    private BatchSource of(
        TokenSource tokens, List<WindowLoader.Part> mixed, boolean shuffle, boolean dropLast) {
      if (config.documents() == Documents.PADDED) {
        return new DocumentLoader(tokens, endOfText, sequence, batchSize, shuffle, dropLast, seed);
      }
      return new WindowLoader(
          tokens,
          mixed,
          sequence,
          config.stride() == 0 ? sequence : config.stride(),
          batchSize,
          shuffle,
          dropLast,
          seed,
          config.documents() == Documents.APART ? endOfText : WindowLoader.NO_SEPARATOR);
    }
  }

  /** Tokens of both splits, and what is known about where they come from. */
  private static final class Splits {
    private TokenSource training;
    private TokenSource validation;
    private int documents;
    private long characters;
    private long tokens;
    private List<Path> validationShards = new ArrayList<>();
    private List<WindowLoader.Part> mixed = List.of();
    private final List<TokenSource> owned = new ArrayList<>();
  }

  private static Splits splits(DataConfig config, TextEncoder encoder, boolean evaluation) {
    int workers =
        config.workers() > 0 ? config.workers() : Runtime.getRuntime().availableProcessors();
    Splits splits = new Splits();
    try {
      boolean mixed = !config.weights().isEmpty() && !evaluation;
      List<Divided> parts = new ArrayList<>();
      for (List<Path> paths : mixed ? apart(config) : List.of(config.train())) {
        Part data = readTraining(splits, paths, encoder, evaluation);
        parts.add(divide(data, splits, config, encoder, workers));
      }
      splits.tokens = parts.stream().mapToLong(Divided::tokens).sum();
      splits.training = join(parts.stream().map(Divided::training).toList());
      List<TokenSource> validation =
          parts.stream().map(Divided::validation).filter(Objects::nonNull).toList();
      splits.validation = validation.isEmpty() ? null : join(validation);
      if (mixed) {
        splits.mixed = mixed(config, parts);
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

  private static TokenSource join(List<TokenSource> parts) {
    return parts.size() == 1 ? parts.getFirst() : new JoinedTokens(parts);
  }

  /** Each path alone. */
  private static List<List<Path>> apart(DataConfig config) {
    if (config.weights().size() != config.train().size()) {
      throw new GptException(
          Failure.USAGE,
          "--data-weights gives %d weights for the %d paths of --data; give one for each"
              .formatted(config.weights().size(), config.train().size()));
    }
    if (!config.shuffle() || config.documents() == Documents.PADDED) {
      throw new GptException(
          Failure.USAGE,
          "--data-weights mixes windows in random order; leave out "
              + (config.shuffle() ? "--pad-documents" : "--no-shuffle"));
    }
    return config.train().stream().map(List::of).toList();
  }

  private static List<WindowLoader.Part> mixed(DataConfig config, List<Divided> parts) {
    List<WindowLoader.Part> mixed = new ArrayList<>();
    for (int i = 0; i < parts.size(); i++) {
      double weight = config.weights().get(i);
      mixed.add(
          new WindowLoader.Part(
              "--data " + config.train().get(i), parts.get(i).training.size(), weight));
    }
    return mixed;
  }

  /**
   * Tokens of a data set's splits.
   *
   * @param validation null if there is none in it
   * @param tokens of the whole
   */
  private record Divided(TokenSource training, TokenSource validation, long tokens) {}

  private static Divided divide(
      Part data, Splits splits, DataConfig config, TextEncoder encoder, int workers) {
    boolean apart = !config.validation().isEmpty() || !splits.validationShards.isEmpty();
    if (apart || config.trainRatio() == 1) {
      TokenSource all = data.all(encoder, workers);
      return new Divided(all, null, all.size());
    }
    if (data.shards != null) {
      long size = data.shards.size();
      long cut = (long) (config.trainRatio() * size);
      return new Divided(data.shards.slice(0, cut), data.shards.slice(cut, size), size);
    }
    long cut = data.corpus.splitAt(config.trainRatio());
    TokenSource training = data.corpus.tokens(encoder, 0, cut, workers);
    TokenSource validation = data.corpus.tokens(encoder, cut, data.corpus.characters(), workers);
    long tokens =
        training.size() + validation.size() + SplitCorrection.tokens(data.corpus, cut, encoder);
    return new Divided(training, validation, tokens);
  }

  /** Text or shards: one of the two is null. */
  private record Part(TextCorpus corpus, TokenSource shards) {
    TokenSource all(TextEncoder encoder, int workers) {
      return shards != null ? shards : corpus.tokens(encoder, workers);
    }
  }

  private static Part readTraining(
      Splits splits, List<Path> paths, TextEncoder encoder, boolean evaluation) {
    if (paths.isEmpty()) {
      return text(splits, TextCorpus.ofResource(STORY));
    }
    DataPaths found = DataPaths.resolve("--data", paths);
    if (!found.shards() || evaluation) {
      return read(splits, found, encoder);
    }
    Map<Boolean, List<Path>> divided = found.byValidation();
    splits.validationShards.addAll(divided.get(true));
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
