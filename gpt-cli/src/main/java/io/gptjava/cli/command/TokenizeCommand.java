package io.gptjava.cli.command;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.ShellWords;
import io.gptjava.cli.run.Interrupts;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.train.corpus.CorpusFiles;
import io.gptjava.train.corpus.ShardJob;
import io.gptjava.train.corpus.TextInput;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Turns text into token shards. */
@Command(
    name = "tokenize",
    description = {
      "Turns text into token shards (.bin, the format of llm.c), in parallel; the tokens are those"
          + " of the whole text at once.",
      "Files are plain text or JSON lines (.jsonl, .ndjson), either of them compressed (.gz, .zst)."
          + " Documents are joined by <|endoftext|>.",
      "An interrupted call goes on when it is repeated."
    },
    footer = {
      "",
      "Examples",
      "  gpt tokenize books/ --out shards --train-ratio 0.95",
      "  gpt tokenize 'corpus/*.jsonl.zst' --field text --val-tokens 10000000 --out shards"
    })
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
      names = "--field",
      paramLabel = "NAME",
      description = "Field of JSON lines that holds the text. Default: ${DEFAULT-VALUE}.")
  private String field = "text";

  @Option(
      names = "--train-ratio",
      paramLabel = "R",
      description = "Share of the characters for train; the rest is val. Default: 1.0.")
  private double trainRatio = 1;

  @Option(
      names = "--val-tokens",
      paramLabel = "N",
      description = "Instead: the first N tokens are val, the rest is train.")
  private long validationTokens;

  @Option(
      names = "--shard-tokens",
      paramLabel = "N",
      description = "Most tokens in a shard. Default: ${DEFAULT-VALUE}.")
  private int shardTokens = 100_000_000;

  @Mixin private CleaningOptions cleaning;

  @Option(
      names = {"--num-proc", "--threads"},
      paramLabel = "N",
      description = "Threads. Default: one per processor.")
  private int threads;

  @Option(
      names = "--max-expansion",
      paramLabel = "N",
      description =
          "Refuse a compressed file that expands more than N times. 0: no limit. Default:"
              + " ${DEFAULT-VALUE}.")
  private long mostExpansion = TextInput.MOST_EXPANSION;

  @Option(
      names = "--resume",
      description = "Go on in a folder that holds shards, or say that it is complete.")
  private boolean resume;

  /** The command. */
  public TokenizeCommand(CliContext context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    check();
    List<Path> files = CorpusFiles.find("gpt tokenize", paths);
    for (Path file : files) {
      if (TextInput.contentName(file).endsWith(".bin")) {
        throw new GptException(Failure.DATA, file + " is a token shard already; give text");
      }
    }
    CorpusFiles corpus = new CorpusFiles(files, field, cleaning.cleaning(), mostExpansion);
    int workers = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
    ShardJob.Settings settings =
        new ShardJob.Settings(corpus, out, shardTokens, validationTokens, trainRatio, workers);
    TokenizeProgress progress = new TokenizeProgress(context, corpus.bytes(), System::nanoTime);
    AtomicBoolean stop = new AtomicBoolean();
    try (Interrupts interrupts =
        new Interrupts(() -> stop.set(true), "Stopping and saving", context.err())) {
      ShardJob job = new ShardJob(settings, new Gpt2Tokenizer(), progress, stop::get);
      ShardJob.Outcome outcome;
      try {
        outcome = job.run();
      } finally {
        progress.finish();
      }
      return conclude(outcome, interrupts);
    }
  }

  private void check() {
    if (!(trainRatio > 0 && trainRatio <= 1)) {
      throw Usage.error("--train-ratio %s is not in (0, 1]", trainRatio);
    }
    if (validationTokens < 0) {
      throw Usage.error("--val-tokens %d must be at least 0", validationTokens);
    }
    if (validationTokens > 0 && trainRatio < 1) {
      throw Usage.error(
          "--val-tokens %d and --train-ratio %s both divide the text; give one",
          validationTokens, trainRatio);
    }
    if (shardTokens < 1) {
      throw Usage.error("--shard-tokens %d must be at least 1", shardTokens);
    }
    if (mostExpansion < 0) {
      throw Usage.error("--max-expansion %d must be at least 0", mostExpansion);
    }
  }

  private int conclude(ShardJob.Outcome outcome, Interrupts interrupts) {
    switch (outcome) {
      case STOPPED -> {
        context.err().println("Stopped; repeat the command to go on");
        return interrupts.exitCode().orElse(0);
      }
      case COMPLETE_ALREADY -> {
        if (!resume) {
          throw Usage.error("--out %s already holds the shards of this text", out);
        }
        context.err().println(out + " is complete; nothing to do");
      }
      case FINISHED -> {
        if (trainRatio < 1 || validationTokens > 0) {
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
      }
    }
    return 0;
  }
}
