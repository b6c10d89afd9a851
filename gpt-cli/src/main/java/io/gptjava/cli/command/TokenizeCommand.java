package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.ShellWords;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.data.DataPaths;
import io.gptjava.train.data.TextCorpus;
import io.gptjava.train.data.TokenFile;
import io.gptjava.train.data.TokenSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Turns text into token shards. */
@Command(
    name = "tokenize",
    description = {
      "Turns text into token shards (.bin, the format of llm.c), in parallel; the tokens are those"
          + " of the whole text at once.",
      "Several files are joined by <|endoftext|>."
    },
    footer = {"", "Example", "  gpt tokenize books/ --out shards --train-ratio 0.95"})
public final class TokenizeCommand implements Callable<Integer> {
  private final CliContext context;

  @Parameters(
      arity = "1..*",
      paramLabel = "PATH",
      description = "Text files, directories or globs.")
  private List<Path> paths;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Folder for train_000000.bin, … and val_000000.bin, …")
  private Path out;

  @Option(
      names = "--train-ratio",
      paramLabel = "R",
      description = "Share of the characters for train; the rest is val. Default: 1.0.")
  private double trainRatio = 1;

  @Option(
      names = "--shard-tokens",
      paramLabel = "N",
      description = "Most tokens in a shard. Default: ${DEFAULT-VALUE}.")
  private int shardTokens = 100_000_000;

  @Option(
      names = "--num-proc",
      paramLabel = "N",
      description = "Threads. Default: one per processor.")
  private int threads;

  /** The command. */
  public TokenizeCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() throws IOException {
    if (!(trainRatio > 0 && trainRatio <= 1)) {
      throw Usage.error("--train-ratio %s is not in (0, 1]", trainRatio);
    }
    if (shardTokens < 1) {
      throw Usage.error("--shard-tokens %d must be at least 1", shardTokens);
    }
    DataPaths found = DataPaths.resolve("gpt tokenize", paths);
    if (found.shards()) {
      throw new GptException(
          Failure.DATA, found.files().getFirst() + " is a token shard already; give text");
    }
    TextCorpus corpus = TextCorpus.open(found.files());
    TextEncoder encoder = new Gpt2Tokenizer();
    int workers = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    long cut = trainRatio == 1 ? corpus.characters() : corpus.splitAt(trainRatio);
    boolean created = !Files.exists(out);
    createFolder();
    List<Path> written = new ArrayList<>();
    try {
      write("train", corpus.tokens(encoder, 0, cut, workers), written);
      if (cut < corpus.characters()) {
        write("val", corpus.tokens(encoder, cut, corpus.characters(), workers), written);
        context
            .err()
            .println(
                "Train with: "
                    + ShellWords.join(
                        context.program(),
                        "train",
                        "--data",
                        out.resolve("train_*.bin").toString(),
                        "--val-data",
                        out.resolve("val_*.bin").toString()));
      }
    } catch (RuntimeException e) {
      remove(written, created, e);
      throw e;
    }
    return 0;
  }

  /** Part of a data set would pass for all of it. */
  private void remove(List<Path> written, boolean created, RuntimeException cause) {
    try {
      for (Path file : written) {
        Files.delete(file);
      }
      if (created) {
        Files.delete(out);
      }
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }

  private void createFolder() throws IOException {
    try {
      Files.createDirectories(out);
    } catch (IOException e) {
      throw new GptException(
          Failure.USAGE, "--out %s cannot be created: %s".formatted(out, e.getMessage()), e);
    }
    try (Stream<Path> files = Files.list(out)) {
      if (files.anyMatch(file -> file.toString().endsWith(".bin"))) {
        throw Usage.error("--out %s already holds shards; choose another folder", out);
      }
    }
  }

  private void write(String split, TokenSource tokens, List<Path> written) {
    long shards = Math.max(1, Math.ceilDiv(tokens.size(), shardTokens));
    for (long i = 0; i < shards; i++) {
      Path file = out.resolve("%s_%06d.bin".formatted(split, i));
      long from = i * shardTokens;
      TokenSource part = tokens.slice(from, Math.min(from + shardTokens, tokens.size()));
      TokenFile.write(file, part);
      written.add(file);
      context.out().println(String.format(Locale.ROOT, "%s: %,d tokens", file, part.size()));
    }
  }
}
