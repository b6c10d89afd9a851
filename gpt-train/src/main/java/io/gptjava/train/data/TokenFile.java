package io.gptjava.train.data;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * A token shard of llm.c, memory-mapped: 256 int32 of header (magic 20240520, version 1, number of
 * tokens, zeros), then the tokens as uint16; all little-endian.
 */
public final class TokenFile implements TokenSource {
  /** Bytes before the first token. */
  public static final int HEADER_BYTES = 256 * Integer.BYTES;

  static final int MAGIC = 20240520;
  static final int VERSION = 1;

  /** llm.c's mark of shards with uint32 tokens of Llama 3. */
  private static final int LLAMA_MAGIC = 20240801;

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfChar TOKEN =
      ValueLayout.JAVA_CHAR.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path path;
  private final Arena arena;
  private final MemorySegment tokens;
  private final int vocabularySize;

  private TokenFile(Path path, Arena arena, MemorySegment tokens, int vocabularySize) {
    this.path = path;
    this.arena = arena;
    this.tokens = tokens;
    this.vocabularySize = vocabularySize;
  }

  /**
   * Opens and validates a shard.
   *
   * @param vocabularySize ids at and above it are an error when they are read
   * @throws GptException with {@link Failure#DATA}
   */
  public static TokenFile open(Path path, int vocabularySize) {
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      MemorySegment file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      long count = check(path, file);
      MemorySegment tokens = file.asSlice(HEADER_BYTES, count * Character.BYTES);
      return new TokenFile(path, arena, tokens, vocabularySize);
    } catch (IOException e) {
      arena.close();
      throw new GptException(
          Failure.DATA, "cannot read the token shard %s: %s".formatted(path, e.getMessage()), e);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  private static long check(Path path, MemorySegment file) {
    long size = file.byteSize();
    if (size < HEADER_BYTES) {
      throw malformed(path, "it has %d bytes, the header alone has %d", size, HEADER_BYTES);
    }
    if (file.get(INT, 0) == LLAMA_MAGIC) {
      throw new GptException(
          Failure.DATA,
          "%s holds tokens of Llama 3 (magic %d); write it with GPT-2's tokenizer: gpt tokenize"
              .formatted(path, LLAMA_MAGIC));
    }
    if (file.get(INT, 0) != MAGIC) {
      throw malformed(path, "it begins with %d, not %d", file.get(INT, 0), MAGIC);
    }
    if (file.get(INT, 4) != VERSION) {
      throw malformed(
          path, "its version is %d, %d (GPT-2 tokens) is needed", file.get(INT, 4), VERSION);
    }
    long count = file.get(INT, 8);
    if (count < 0) {
      throw malformed(path, "its header counts %d tokens, 0 or more make sense", count, 0);
    }
    long expected = HEADER_BYTES + count * Character.BYTES;
    if (size != expected) {
      throw malformed(
          path,
          "its header counts %d tokens, which take " + expected + " bytes; the file has %d",
          count,
          size);
    }
    return count;
  }

  private static GptException malformed(Path path, String reason, long actual, long expected) {
    return new GptException(
        Failure.DATA,
        "%s is not a whole token shard: %s; write it again with gpt tokenize"
            .formatted(path, reason.formatted(actual, expected)));
  }

  @Override
  public long size() {
    return tokens.byteSize() / Character.BYTES;
  }

  @Override
  public void copy(long from, int[] target, int at, int count) {
    int largest = 0;
    for (int i = 0; i < count; i++) {
      int token = tokens.getAtIndex(TOKEN, from + i);
      target[at + i] = token;
      largest = Math.max(largest, token);
    }
    if (largest >= vocabularySize) {
      throw new GptException(
          Failure.DATA,
          "%s holds token %d, the vocabulary ends at %d; was it written for another tokenizer?"
              .formatted(path, largest, vocabularySize - 1));
    }
  }

  @Override
  public String place(long from, long to) {
    return path.getFileName() + " " + TokenSource.super.place(from, to);
  }

  @Override
  public void close() {
    arena.close();
  }

  /**
   * Writes a shard, whole or not at all, replacing an old one.
   *
   * @throws GptException with {@link Failure#DATA} if there are more tokens than the header can
   *     count, {@link Failure#CAPACITY} if the disk does not take them
   */
  public static void write(Path path, TokenSource source) {
    if (source.size() > Integer.MAX_VALUE) {
      throw new GptException(
          Failure.DATA,
          "%s cannot hold %,d tokens: a shard takes at most %,d; write several"
              .formatted(path, source.size(), Integer.MAX_VALUE));
    }
    Path temporary = path.resolveSibling(".tmp-" + path.getFileName());
    try {
      try {
        writeTokens(temporary, source);
        Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (IOException e) {
      throw new GptException(
          Failure.CAPACITY,
          "cannot write %s: %s; free space or choose another --out".formatted(path, e.getMessage()),
          e);
    }
  }

  /** The header of a shard of so many tokens, {@link #HEADER_BYTES} long. */
  public static ByteBuffer header(int tokens) {
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    return header.putInt(MAGIC).putInt(VERSION).putInt(tokens).rewind();
  }

  private static void writeTokens(Path path, TokenSource source) throws IOException {
    int[] tokens = new int[1 << 15];
    ByteBuffer buffer =
        ByteBuffer.allocateDirect(tokens.length * Character.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel =
        FileChannel.open(
            path,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      writeAll(channel, header((int) source.size()));
      for (long from = 0; from < source.size(); from += tokens.length) {
        int count = (int) Math.min(tokens.length, source.size() - from);
        source.copy(from, tokens, 0, count);
        buffer.clear();
        for (int i = 0; i < count; i++) {
          if (tokens[i] >>> Character.SIZE != 0) {
            throw new IllegalArgumentException(
                "token id " + tokens[i] + " needs more than 16 bits");
          }
          buffer.putChar((char) tokens[i]);
        }
        writeAll(channel, buffer.flip());
      }
      channel.force(true);
    }
  }

  private static void writeAll(FileChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }
}
