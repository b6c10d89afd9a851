package io.gptjava.train.corpus;

import io.gptjava.train.data.TokenFile;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.function.BiConsumer;

/**
 * Writes a stream of tokens into shards. A shard grows under a hidden name and gets its own when it
 * is whole. What is written can be brought back to any state it was forced in, since tokens are
 * only ever appended.
 */
final class ShardWriter implements Closeable {
  private static final int BUFFER_TOKENS = 1 << 16;

  private final Path folder;
  private final int shardTokens;
  private final BiConsumer<Path, Integer> onShard;
  private final ByteBuffer buffer =
      ByteBuffer.allocateDirect(BUFFER_TOKENS * Character.BYTES).order(ByteOrder.LITTLE_ENDIAN);
  private String split;
  private int index;
  private int tokens; // in the open shard, those in the buffer included
  private FileChannel channel;

  /**
   * What has been written.
   *
   * @param split part that was written last; empty at the beginning
   * @param index of its open shard
   * @param tokens in that
   */
  record State(String split, int index, int tokens) {
    static final State START = new State("", 0, 0);
  }

  /**
   * A writer that goes on from a state, dropping what was written after it.
   *
   * @param onShard hears each whole shard and how many tokens it has
   */
  ShardWriter(Path folder, int shardTokens, State state, BiConsumer<Path, Integer> onShard)
      throws IOException {
    this.folder = folder;
    this.shardTokens = shardTokens;
    this.onShard = onShard;
    split = state.split;
    index = state.index;
    tokens = state.tokens;
    if (tokens > 0) {
      reopen();
    }
  }

  private void reopen() throws IOException {
    if (!Files.exists(temporary())) {
      // It was finished after the state was recorded.
      Files.move(file(), temporary(), StandardCopyOption.ATOMIC_MOVE);
    }
    channel = FileChannel.open(temporary(), StandardOpenOption.WRITE);
    long size = TokenFile.HEADER_BYTES + (long) tokens * Character.BYTES;
    if (channel.size() < size) {
      throw new IOException("%s has lost tokens".formatted(temporary()));
    }
    channel.truncate(size);
    channel.position(size);
  }

  private Path file() {
    return folder.resolve("%s_%06d.bin".formatted(split, index));
  }

  private Path temporary() {
    return folder.resolve(".tmp-" + file().getFileName());
  }

  /** Appends tokens to a split; once another split has begun, the one before is over. */
  void write(String into, int[] ids, int from, int to) throws IOException {
    if (!into.equals(split)) {
      finishSplit();
      split = into;
      index = 0;
    }
    for (int at = from; at < to; ) {
      if (channel == null) {
        open();
      }
      int count = Math.min(Math.min(to - at, shardTokens - tokens), buffer.remaining() / 2);
      for (int i = at; i < at + count; i++) {
        buffer.putChar((char) ids[i]);
      }
      at += count;
      tokens += count;
      if (tokens == shardTokens) {
        finishShard();
      } else if (!buffer.hasRemaining()) {
        flush();
      }
    }
  }

  private void open() throws IOException {
    channel =
        FileChannel.open(
            temporary(),
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE);
    channel.position(TokenFile.HEADER_BYTES);
    tokens = 0;
  }

  private void flush() throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
    buffer.clear();
  }

  private void finishShard() throws IOException {
    flush();
    ByteBuffer header = TokenFile.header(tokens);
    channel.position(0);
    while (header.hasRemaining()) {
      channel.write(header);
    }
    channel.force(true);
    channel.close();
    channel = null;
    Files.move(temporary(), file(), StandardCopyOption.ATOMIC_MOVE);
    onShard.accept(file(), tokens);
    index++;
    tokens = 0;
  }

  private void finishSplit() throws IOException {
    if (channel != null) {
      finishShard();
    }
  }

  /** Forces everything to disk and says what it is. */
  State force() throws IOException {
    if (channel != null) {
      flush();
      channel.force(true);
    }
    return new State(split, index, tokens);
  }

  /**
   * Finishes the last shard.
   *
   * @param emptySplit split of which an empty shard is written if there was no token at all
   */
  void finish(String emptySplit) throws IOException {
    if (split.isEmpty()) {
      split = emptySplit;
      open();
    }
    finishSplit();
  }

  @Override
  public void close() throws IOException {
    if (channel != null) {
      channel.close();
    }
  }
}
