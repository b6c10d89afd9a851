package io.gptjava.train.run;

import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.safetensors.SafetensorsWriter;
import io.gptjava.core.safetensors.SafetensorsWriter.Deferred;
import io.gptjava.core.safetensors.StoredFloats;
import io.gptjava.core.safetensors.StoredType;
import io.gptjava.train.formats.ModelWeights;
import io.gptjava.train.model.ParameterLayout;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Writes weights of any format as a Hugging Face folder, tensor by tensor: memory for the largest
 * of them is all that it takes. The bytes depend on the model only.
 */
public final class ModelFolderWriter {
  private static final String GENERATION = "generation_config.json";
  private static final String TOKENIZER_CONFIG = "tokenizer_config.json";

  private ModelFolderWriter() {}

  /**
   * Writes a checkpoint that holds weights only, with checksums.
   *
   * @param folder does not exist yet
   */
  public static void writeCheckpoint(Path folder, ModelWeights weights) throws IOException {
    Files.createDirectory(folder);
    List<Manifest.Entry> files = new ArrayList<>();
    files.add(writeWeights(folder, weights, StoredType.F32));
    files.addAll(describe(folder, weights.config(), StoredType.F32));
    new Manifest(files).write(folder);
    DurableFiles.forceFolder(folder);
  }

  /**
   * Writes what {@code AutoModelForCausalLM} and {@code AutoTokenizer} open. A model without
   * query/key/value bias gets one of zeros; one whose vocabulary lacks GPT-2's tokens gets no
   * tokenizer.
   *
   * @param folder does not exist yet
   * @param type F32, F16 or BF16; weights are rounded to nearest
   * @throws GptException with {@link Failure#USAGE} if F16 cannot hold a weight
   */
  public static void writeHuggingFace(Path folder, ModelWeights weights, StoredType type)
      throws IOException {
    Files.createDirectory(folder);
    GptConfig config = weights.config();
    writeWeights(folder, weights, type);
    describe(folder, config, type);
    Manifest.write(folder, GENERATION, HuggingFaceConfig.generation(config));
    if (HuggingFaceConfig.hasGpt2Vocabulary(config)) {
      Manifest.write(folder, TokenizerJson.FILE, TokenizerJson.of(TokenizerFiles.gpt2()));
    }
    DurableFiles.forceFolder(folder);
  }

  /** Whether a tokenizer is written beside a model. */
  public static boolean hasTokenizer(GptConfig config) {
    return HuggingFaceConfig.hasGpt2Vocabulary(config);
  }

  /** Writes the small files that every model folder has. */
  static List<Manifest.Entry> describe(Path folder, GptConfig config, StoredType type)
      throws IOException {
    List<Manifest.Entry> files = new ArrayList<>();
    files.add(
        Manifest.write(folder, HuggingFaceConfig.FILE, HuggingFaceConfig.toJson(config, type)));
    files.add(Manifest.write(folder, TOKENIZER_CONFIG, HuggingFaceConfig.tokenizer(config)));
    if (HuggingFaceConfig.hasGpt2Vocabulary(config)) {
      TokenizerFiles tokenizer = TokenizerFiles.gpt2();
      files.add(Manifest.write(folder, TokenizerFiles.VOCABULARY, tokenizer.vocabulary()));
      files.add(Manifest.write(folder, TokenizerFiles.MERGES, tokenizer.merges()));
    }
    return files;
  }

  private static Manifest.Entry writeWeights(Path folder, ModelWeights weights, StoredType type) {
    ParameterLayout layout = new ParameterLayout(weights.config());
    try (Arena arena = Arena.ofConfined()) {
      Converter converter = new Converter(weights, type, layout, arena);
      List<Deferred> tensors = new ArrayList<>();
      for (Parameter parameter : layout.parameters()) {
        tensors.add(
            new Deferred(
                parameter.name(),
                type,
                parameter.logicalShape().stream().mapToLong(Long::longValue).toArray(),
                () -> converter.convert(parameter)));
        if (!weights.config().qkvBias() && parameter.name().endsWith("attn.c_attn.weight")) {
          long outputs = parameter.shape().getLast();
          tensors.add(
              new Deferred(
                  parameter.name().replace(".weight", ".bias"),
                  type,
                  new long[] {outputs},
                  () -> converter.zeros(outputs)));
        }
      }
      SafetensorsWriter.Written written =
          SafetensorsWriter.writeDeferred(
              folder.resolve(ModelFolder.WEIGHTS), Map.of("format", "pt"), tensors);
      return new Manifest.Entry(ModelFolder.WEIGHTS, written.bytes(), written.crc32c());
    }
  }

  /** Brings one tensor at a time to the type of the file, always in the same memory. */
  private static final class Converter {
    private final ModelWeights weights;
    private final StoredType type;
    private final MemorySegment floats;
    private final MemorySegment stored;

    Converter(ModelWeights weights, StoredType type, ParameterLayout layout, Arena arena) {
      this.weights = weights;
      this.type = type;
      long most =
          layout.parameters().stream().mapToLong(Parameter::logicalCount).max().orElseThrow();
      floats = arena.allocate(ValueLayout.JAVA_FLOAT, most);
      stored = type == StoredType.F32 ? floats : arena.allocate(most * type.bytes());
    }

    MemorySegment convert(Parameter parameter) {
      long count = parameter.logicalCount();
      MemorySegment values = floats.asSlice(0, count * Float.BYTES);
      weights.copy(parameter, values);
      if (type == StoredType.F32) {
        return values;
      }
      if (type == StoredType.F16) {
        checkRange(parameter, values);
      }
      StoredFloats.write(type, values, stored, count);
      return stored.asSlice(0, count * type.bytes());
    }

    private static void checkRange(Parameter parameter, MemorySegment values) {
      for (long i = 0; i < values.byteSize(); i += Float.BYTES) {
        float value = values.get(ValueLayout.JAVA_FLOAT, i);
        if (Float.isFinite(value) && !Float.isFinite(half(value))) {
          throw new GptException(
              Failure.USAGE,
              "--dtype fp16 cannot hold %s, which %s has; use --dtype bf16 or fp32"
                  .formatted(value, parameter.name()));
        }
      }
    }

    private static float half(float value) {
      return Float.float16ToFloat(Float.floatToFloat16(value));
    }

    MemorySegment zeros(long count) {
      return stored.asSlice(0, count * type.bytes()).fill((byte) 0);
    }
  }
}
