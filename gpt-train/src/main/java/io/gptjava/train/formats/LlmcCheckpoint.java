package io.gptjava.train.formats;

import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.safetensors.StoredFloats;
import io.gptjava.core.safetensors.StoredType;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A checkpoint of llm.c, memory-mapped; {@link LlmcLayout} has the format. The shape is checked
 * against the file's size before anything is allocated for it.
 */
public final class LlmcCheckpoint implements ModelWeights {
  private final Path path;
  private final Arena arena;
  private final MemorySegment data;
  private final GptConfig config;
  private final StoredType type;
  private final Map<String, LlmcLayout.Place> places = new HashMap<>();

  private LlmcCheckpoint(Path path, Header header, Arena arena, MemorySegment data) {
    this.path = path;
    this.arena = arena;
    this.data = data;
    this.config = header.config();
    this.type = header.type();
    for (LlmcLayout.Place place : new LlmcLayout(config, header.paddedVocabulary()).places()) {
      places.put(place.name(), place);
    }
  }

  private record Header(GptConfig config, int paddedVocabulary, StoredType type) {
    /** Elements after the header; too large for a long if the shape is a lie. */
    BigInteger elements() {
      BigInteger c = BigInteger.valueOf(config.width());
      BigInteger block = c.multiply(c).add(c).multiply(BigInteger.valueOf(12)).add(c);
      return c.multiply(BigInteger.valueOf((long) paddedVocabulary + config.contextLength() + 2))
          .add(block.multiply(BigInteger.valueOf(config.layers())));
    }
  }

  /** Whether a file begins as a checkpoint of llm.c does. */
  public static boolean isOne(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return channel.size() >= LlmcLayout.HEADER_BYTES
          && readHeader(channel).get(0) == LlmcLayout.MAGIC;
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * Opens a checkpoint.
   *
   * @throws GptException with {@link io.gptjava.core.Failure#CHECKPOINT} if it is not one
   */
  public static LlmcCheckpoint open(Path file) {
    if (Files.isDirectory(file)) {
      throw ModelFiles.failure(file, "it is a folder; give llm.c's .bin file");
    }
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      if (size < LlmcLayout.HEADER_BYTES) {
        throw ModelFiles.failure(
            file,
            "it has %d bytes, the header alone has %d: it is not a checkpoint of llm.c"
                .formatted(size, LlmcLayout.HEADER_BYTES));
      }
      Header header = parse(file, readHeader(channel));
      checkSize(file, header, size);
      MemorySegment data =
          channel.map(
              FileChannel.MapMode.READ_ONLY,
              LlmcLayout.HEADER_BYTES,
              size - LlmcLayout.HEADER_BYTES,
              arena);
      return new LlmcCheckpoint(file, header, arena, data);
    } catch (IOException e) {
      arena.close();
      throw ModelFiles.unreadable(file, e);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  private static IntBuffer readHeader(FileChannel channel) throws IOException {
    ByteBuffer header = ByteBuffer.allocate(LlmcLayout.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    while (header.hasRemaining()) {
      if (channel.read(header, header.position()) < 0) {
        throw new IOException("the file became shorter while it was read");
      }
    }
    return header.flip().asIntBuffer();
  }

  private static Header parse(Path file, IntBuffer ints) {
    if (ints.get(0) != LlmcLayout.MAGIC) {
      throw ModelFiles.failure(
          file,
          "it begins with %d, a checkpoint of llm.c with %d"
              .formatted(ints.get(0), LlmcLayout.MAGIC));
    }
    StoredType type =
        switch (ints.get(1)) {
          case LlmcLayout.VERSION_FP32 -> StoredType.F32;
          case LlmcLayout.VERSION_BF16 -> StoredType.BF16;
          default ->
              throw ModelFiles.failure(
                  file,
                  "its version is %d, known are 3 (fp32) and 5 (bf16); write it again with a newer llm.c"
                      .formatted(ints.get(1)));
        };
    int context = FileShape.number(file, "the context length", ints.get(2));
    int vocabulary = FileShape.number(file, "the vocabulary", ints.get(3));
    int layers = FileShape.layers(file, "the number of layers", ints.get(4));
    int heads = FileShape.number(file, "the number of heads", ints.get(5));
    int width = FileShape.number(file, "the width", ints.get(6));
    int padded = FileShape.number(file, "the padded vocabulary", ints.get(7));
    FileShape.checkHeads(file, "the width", width, "the number of heads", heads);
    if (padded < vocabulary) {
      throw ModelFiles.failure(
          file,
          "its padded vocabulary %d is smaller than its vocabulary %d"
              .formatted(padded, vocabulary));
    }
    GptConfig config = new GptConfig(vocabulary, context, width, layers, heads, 0, true, true);
    return new Header(config, padded, type);
  }

  private static void checkSize(Path file, Header header, long size) {
    BigInteger needed =
        header
            .elements()
            .multiply(BigInteger.valueOf(header.type().bytes()))
            .add(BigInteger.valueOf(LlmcLayout.HEADER_BYTES));
    int order = needed.compareTo(BigInteger.valueOf(size));
    if (order != 0) {
      throw ModelFiles.failure(
          file,
          "it is %s: its header describes %s bytes, it has %d; copy it again"
              .formatted(order > 0 ? "truncated" : "too long", needed, size));
    }
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public GptConfig config() {
    return config;
  }

  /** How the weights are stored. */
  public StoredType type() {
    return type;
  }

  @Override
  public List<String> notes() {
    return List.of("llm.c has no dropout: the model has 0 unless --dropout says otherwise");
  }

  @Override
  public void copy(Parameter parameter, MemorySegment target) {
    LlmcLayout.Place place = places.get(parameter.name());
    long count = parameter.logicalCount(); // padding of the vocabulary comes last
    MemorySegment source = data.asSlice(place.offset() * type.bytes(), count * type.bytes());
    if (!place.transposed()) {
      StoredFloats.read(type, source, target, count);
      return;
    }
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment floats = scratch.allocate(ValueLayout.JAVA_FLOAT, count);
      StoredFloats.read(type, source, floats, count);
      long inputs = parameter.logicalShape().get(0);
      long outputs = parameter.logicalShape().get(1);
      Transposer.transpose(floats, target, outputs, inputs);
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
