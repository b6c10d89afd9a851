package io.gptjava.train.corpus;

import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.TextEncoder;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;

/** One pass of a {@link ShardJob} over what is left of its corpus. */
final class ShardPass {
  /** Tokens between two records of how far the work is. */
  private static final long JOURNAL_TOKENS = 1 << 24;

  /** A block that is being encoded. */
  private record Encoding(TextBlocks.Block block, Future<int[]> tokens) {}

  private final ShardJob.Settings settings;
  private final TextEncoder encoder;
  private final ShardJob.Progress progress;
  private final BooleanSupplier stop;
  private final ExecutorService pool;
  private final TextBlocks blocks;
  private final ShardWriter writer;
  private final Queue<Encoding> encodings = new ArrayDeque<>();
  private TokenizeJournal journal; // as last recorded
  private TokenizeJournal reached;

  ShardPass(
      ShardJob.Settings settings,
      TextEncoder encoder,
      ShardJob.Progress progress,
      BooleanSupplier stop,
      TokenizeJournal journal,
      ExecutorService pool,
      TextBlocks blocks,
      ShardWriter writer) {
    this.settings = settings;
    this.encoder = encoder;
    this.progress = progress;
    this.stop = stop;
    this.journal = journal;
    this.pool = pool;
    this.blocks = blocks;
    this.writer = writer;
    reached = journal;
  }

  /** How far the work is, as recorded. */
  TokenizeJournal journal() {
    return journal;
  }

  /** Writes the rest; false if it was asked to stop. */
  boolean run() throws IOException {
    try {
      for (TextBlocks.Block block; (block = blocks.next()) != null; ) {
        String text = block.text();
        encodings.add(new Encoding(block, pool.submit(() -> encoder.encode(text))));
        if (encodings.size() > 2 * settings.threads()) {
          writeOldest();
        }
        if (stop.getAsBoolean()) {
          writeAll();
          record();
          return false;
        }
      }
      writeAll();
    } catch (GptException e) {
      writeAll();
      record();
      throw e;
    }
    writer.finish(ShardJob.TRAIN);
    reached =
        reached.advance(
            true, reached.position(), reached.characters(), reached.written(), reached.tokens());
    record();
    return true;
  }

  private void writeAll() throws IOException {
    while (!encodings.isEmpty()) {
      writeOldest();
    }
  }

  private void writeOldest() throws IOException {
    Encoding oldest = encodings.remove();
    TextBlocks.Block block = oldest.block;
    int[] tokens = await(oldest.tokens);
    long before = reached.tokens();
    if (settings.divided()) {
      writer.write(block.second() ? ShardJob.VALIDATION : ShardJob.TRAIN, tokens, 0, tokens.length);
    } else {
      int first = (int) Math.clamp(settings.validationTokens() - before, 0L, (long) tokens.length);
      if (first > 0) {
        writer.write(ShardJob.VALIDATION, tokens, 0, first);
      }
      if (first < tokens.length) {
        writer.write(ShardJob.TRAIN, tokens, first, tokens.length);
      }
    }
    long after = before + tokens.length;
    reached = reached.advance(false, block.end(), block.characters(), reached.written(), after);
    if (after - journal.tokens() >= JOURNAL_TOKENS) {
      record();
    }
    progress.advanced(block.fileBytes(), after);
  }

  private void record() throws IOException {
    journal =
        reached.advance(
            reached.complete(),
            reached.position(),
            reached.characters(),
            writer.force(),
            reached.tokens());
    if (journal.tokens() > 0 || journal.complete()) {
      journal.write(settings.out());
    }
  }

  private int[] await(Future<int[]> tokens) {
    try {
      return tokens.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while tokenising", e);
    }
  }
}
