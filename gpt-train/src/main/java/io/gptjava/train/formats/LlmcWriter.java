package io.gptjava.train.formats;

import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.safetensors.StoredFloats;
import io.gptjava.core.safetensors.StoredType;
import io.gptjava.train.model.ParameterLayout;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;

/**
 * Writes checkpoints that llm.c reads ({@link LlmcLayout}), tensor by tensor: memory for the
 * largest of them is all that it takes.
 */
public final class LlmcWriter {
  private static final int MOST_AT_ONCE = 1 << 20;

  private final ModelWeights weights;
  private final StoredType type;
  private final FileChannel channel;
  private final MemorySegment floats;
  private final MemorySegment turned;
  private final MemorySegment stored;

  private LlmcWriter(ModelWeights weights, StoredType type, FileChannel channel, Arena arena) {
    this.weights = weights;
    this.type = type;
    this.channel = channel;
    long most = 0;
    for (LlmcLayout.Place place : layout(weights.config()).places()) {
      most = Math.max(most, place.count());
    }
    floats = arena.allocate(ValueLayout.JAVA_FLOAT, most);
    turned = arena.allocate(ValueLayout.JAVA_FLOAT, most);
    stored = arena.allocate(most * type.bytes(), Float.BYTES);
  }

  /**
   * Checks that llm.c can compute a model: its head is always the token embedding.
   *
   * @throws GptException with {@link Failure#USAGE} if not
   */
  public static void check(GptConfig config) {
    if (!config.tieEmbeddings()) {
      throw new GptException(
          Failure.USAGE,
          "llm.c has no head of its own, this model has one (--no-tie-embeddings); export it as hf");
    }
  }

  /**
   * Writes a new file and forces it to disk.
   *
   * @param type F32 (version 3) or BF16 (version 5, rounded to nearest)
   */
  public static void write(Path file, ModelWeights weights, StoredType type) throws IOException {
    check(weights.config());
    try (Arena arena = Arena.ofConfined();
        FileChannel channel =
            FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      LlmcWriter writer = new LlmcWriter(weights, type, channel, arena);
      writer.writeHeader();
      writer.writeTensors();
      channel.force(true);
    }
  }

  private static LlmcLayout layout(GptConfig config) {
    return new LlmcLayout(config, config.paddedVocabularySize());
  }

  private void writeHeader() throws IOException {
    GptConfig config = weights.config();
    ByteBuffer header = ByteBuffer.allocate(LlmcLayout.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    header.putInt(LlmcLayout.MAGIC);
    header.putInt(type == StoredType.F32 ? LlmcLayout.VERSION_FP32 : LlmcLayout.VERSION_BF16);
    header.putInt(config.contextLength());
    header.putInt(config.vocabularySize());
    header.putInt(config.layers());
    header.putInt(config.heads());
    header.putInt(config.width());
    header.putInt(config.paddedVocabularySize());
    write(header.rewind());
  }

  private void writeTensors() throws IOException {
    Map<String, Parameter> parameters = new HashMap<>();
    for (Parameter parameter : new ParameterLayout(weights.config()).parameters()) {
      parameters.put(parameter.name(), parameter);
    }
    for (LlmcLayout.Place place : layout(weights.config()).places()) {
      MemorySegment values = values(place, parameters.get(place.name()));
      StoredFloats.write(type, values, stored, place.count());
      long bytes = place.count() * type.bytes();
      for (long at = 0; at < bytes; at += MOST_AT_ONCE) {
        write(stored.asSlice(at, Math.min(MOST_AT_ONCE, bytes - at)).asByteBuffer());
      }
    }
  }

  /** A tensor as the file has it; a model without query/key/value bias gets one of zeros. */
  private MemorySegment values(LlmcLayout.Place place, Parameter parameterOrNull) {
    if (parameterOrNull == null) {
      return floats.asSlice(0, place.count() * Float.BYTES).fill((byte) 0);
    }
    long bytes = parameterOrNull.logicalCount() * Float.BYTES;
    weights.copy(parameterOrNull, floats.asSlice(0, bytes));
    if (!place.transposed()) {
      floats.asSlice(bytes, place.count() * Float.BYTES - bytes).fill((byte) 0);
      return floats;
    }
    long inputs = parameterOrNull.logicalShape().get(0);
    long outputs = parameterOrNull.logicalShape().get(1);
    Transposer.transpose(floats, turned, inputs, outputs);
    return turned;
  }

  private void write(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }
}
