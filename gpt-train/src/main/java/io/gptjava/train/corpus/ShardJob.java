package io.gptjava.train.corpus;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.corpus.ShardWriter.State;
import io.gptjava.train.corpus.TokenizeJournal.Source;
import io.gptjava.train.run.DurableFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BooleanSupplier;

/**
 * Turns a corpus into a folder of token shards: one thread reads, cleans and writes, others encode,
 * so that memory depends on their number and not on the corpus. The shards are the same for any
 * number of threads, and however often the work was interrupted.
 */
public final class ShardJob {
  static final String TRAIN = "train";
  static final String VALIDATION = "val";

  /**
   * What is to be done.
   *
   * @param out folder of the shards
   * @param shardTokens most tokens in a shard
   * @param validationTokens of the beginning of the corpus, which become the split {@code val}; 0
   *     for none
   * @param trainRatio share of the characters for {@code train}, the rest for {@code val}; 1 for
   *     all
   * @param threads that encode
   */
  public record Settings(
      CorpusFiles corpus,
      Path out,
      int shardTokens,
      long validationTokens,
      double trainRatio,
      int threads) {
    private String fingerprint() {
      return "shard-tokens %d, val-tokens %d, train-ratio %s, field %s, %s"
          .formatted(shardTokens, validationTokens, trainRatio, corpus.field(), corpus.cleaning());
    }

    boolean divided() {
      return trainRatio < 1;
    }
  }

  /** Hears how the work goes on. */
  public interface Progress {
    /** The work goes on where an earlier call stopped. */
    void resumed(long tokens);

    /**
     * A block was written.
     *
     * @param fileBytes read so far, of {@link CorpusFiles#bytes}
     */
    void advanced(long fileBytes, long tokens);

    /** A shard is whole. */
    void shard(Path file, int tokens);
  }

  /** How it ended. */
  public enum Outcome {
    /** Everything is written. */
    FINISHED,
    /** It was asked to stop; the same job goes on there. */
    STOPPED,
    /** There was nothing left to do. */
    COMPLETE_ALREADY
  }

  private final Settings settings;
  private final TextEncoder encoder;
  private final Progress progress;
  private final BooleanSupplier stop;
  private TokenizeJournal journal;
  private boolean createdFolder;

  /**
   * A job.
   *
   * @param stop whether to stop; asked often
   */
  public ShardJob(Settings settings, TextEncoder encoder, Progress progress, BooleanSupplier stop) {
    this.settings = settings;
    this.encoder = encoder;
    this.progress = progress;
    this.stop = stop;
  }

  /** Whether tokenising into a folder began and did not end. */
  public static boolean isIncomplete(Path folder) {
    return TokenizeJournal.read(folder).filter(journal -> !journal.complete()).isPresent();
  }

  /**
   * Does the work, or what is left of it.
   *
   * @throws GptException with {@link Failure#DATA} for input that cannot be read, {@link
   *     Failure#USAGE} for a folder that holds something else, {@link Failure#CAPACITY} for a full
   *     disk
   */
  public Outcome run() {
    Path out = settings.out();
    try {
      createdFolder = !Files.exists(out);
      Files.createDirectories(out);
    } catch (IOException e) {
      throw new GptException(
          Failure.USAGE, "--out %s cannot be created: %s".formatted(out, e.getMessage()), e);
    }
    try {
      if (!begin()) {
        return Outcome.COMPLETE_ALREADY;
      }
      return write() ? Outcome.FINISHED : Outcome.STOPPED;
    } catch (GptException e) {
      if (journal != null && journal.tokens() > 0) {
        throw new GptException(
            e.failure(),
            "%s\n%,d tokens before it are kept: the same command goes on there"
                .formatted(e.getMessage(), journal.tokens()),
            e);
      }
      discardIfEmpty(e);
      throw e;
    } catch (IOException e) {
      throw DurableFiles.cannotWrite(out, "run the same command again: it goes on there", e);
    }
  }

  /** Reads or begins the journal; false if the folder is complete. */
  private boolean begin() throws IOException {
    List<Source> sources = new ArrayList<>();
    for (Path file : settings.corpus().files()) {
      sources.add(Source.of(file));
    }
    Optional<TokenizeJournal> found = TokenizeJournal.read(settings.out());
    if (found.isPresent()) {
      require(found.get(), sources);
      TokenizeJournal old = found.get();
      if (old.complete()) {
        return false;
      }
      journal =
          new TokenizeJournal(
              old.settings(),
              sources,
              false,
              old.position(),
              old.characters(),
              old.division(),
              old.written(),
              old.tokens());
      progress.resumed(old.tokens());
      return true;
    }
    try (var files = Files.list(settings.out())) {
      if (files.anyMatch(file -> file.toString().endsWith(".bin"))) {
        throw new GptException(
            Failure.USAGE,
            "--out %s already holds shards; choose another folder".formatted(settings.out()));
      }
    }
    journal =
        new TokenizeJournal(
            settings.fingerprint(),
            sources,
            false,
            TextPosition.START,
            0,
            TextBlocks.UNDIVIDED,
            State.START,
            0);
    return true;
  }

  private void require(TokenizeJournal old, List<Source> sources) {
    Path out = settings.out();
    if (!old.settings().equals(settings.fingerprint())) {
      throw new GptException(
          Failure.USAGE,
          "--out %s was begun with other settings (%s; now %s); use those, or another folder"
              .formatted(out, old.settings(), settings.fingerprint()));
    }
    // What lies ahead may have been mended since.
    boolean all = old.complete() || settings.divided();
    int read = all ? old.sources().size() : Math.min(old.position().file() + 1, sources.size());
    for (int i = 0; i < Math.max(read, all ? sources.size() : 0); i++) {
      if (i >= sources.size() || i >= old.sources().size()) {
        throw new GptException(
            Failure.USAGE,
            "--out %s was begun with %d files, now there are %d; choose another folder"
                .formatted(out, old.sources().size(), sources.size()));
      }
      if (!sources.get(i).equals(old.sources().get(i))) {
        throw new GptException(
            Failure.USAGE,
            "--out %s was begun with %s, which is now %s; choose another folder"
                .formatted(out, old.sources().get(i), sources.get(i)));
      }
    }
  }

  /** Writes what is left; false if it was asked to stop. */
  private boolean write() throws IOException {
    if (settings.divided() && journal.division() == TextBlocks.UNDIVIDED && !findDivision()) {
      return false;
    }
    journal.write(settings.out());
    try (ExecutorService pool =
            Executors.newFixedThreadPool(
                settings.threads(), Thread.ofPlatform().daemon().name("tokenizer-", 0).factory());
        TextBlocks blocks =
            new TextBlocks(
                settings.corpus(),
                encoder,
                journal.position(),
                journal.characters(),
                journal.division());
        ShardWriter writer =
            new ShardWriter(
                settings.out(), settings.shardTokens(), journal.written(), progress::shard)) {
      ShardPass pass =
          new ShardPass(settings, encoder, progress, stop, journal, pool, blocks, writer);
      try {
        return pass.run();
      } finally {
        journal = pass.journal();
      }
    }
  }

  private boolean findDivision() throws IOException {
    long characters = 0;
    try (TextBlocks blocks =
        new TextBlocks(settings.corpus(), encoder, TextPosition.START, 0, TextBlocks.UNDIVIDED)) {
      for (TextBlocks.Block block; (block = blocks.next()) != null; ) {
        characters = block.characters();
        if (stop.getAsBoolean()) {
          return false;
        }
      }
    }
    journal =
        new TokenizeJournal(
            journal.settings(),
            journal.sources(),
            false,
            TextPosition.START,
            0,
            (long) (settings.trainRatio() * characters),
            State.START,
            0);
    return true;
  }

  /** Nothing is worth keeping of a job that failed before its first token. */
  private void discardIfEmpty(GptException cause) {
    try {
      if (journal != null) {
        Files.deleteIfExists(settings.out().resolve(TokenizeJournal.NAME));
      }
      if (createdFolder) {
        Files.delete(settings.out());
      }
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }
}
