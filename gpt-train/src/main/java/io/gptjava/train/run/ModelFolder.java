package io.gptjava.train.run;

import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.safetensors.SafetensorsFile;
import io.gptjava.core.safetensors.SafetensorsWriter;
import io.gptjava.core.safetensors.StoredType;
import io.gptjava.core.safetensors.TensorEntry;
import io.gptjava.train.model.ParameterLayout;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A model as {@code GPT2LMHeadModel.save_pretrained} and {@code from_pretrained} know it: a folder
 * with {@code config.json} and {@code model.safetensors}. Names are accepted with or without {@code
 * transformer.}; F32, F16, BF16 and F64 become fp32.
 */
public final class ModelFolder implements AutoCloseable {
  static final String WEIGHTS = "model.safetensors";

  private static final String PREFIX = "transformer.";
  private static final String HEAD = "lm_head.weight";
  private static final String QKV_BIAS = "attn.c_attn.bias";

  private final SafetensorsFile file;
  private final GptConfig config;

  /** Names in the file by name in the layout. */
  private final Map<String, TensorEntry> tensors = new LinkedHashMap<>();

  private ModelFolder(SafetensorsFile file, GptConfig config) {
    this.file = file;
    this.config = config;
    for (TensorEntry tensor : file.tensors().values()) {
      String name = tensor.name();
      if (!name.endsWith(".attn.bias") && !name.endsWith(".attn.masked_bias")) { // causal masks
        tensors.put(name.startsWith(PREFIX) || name.equals(HEAD) ? name : PREFIX + name, tensor);
      }
    }
    if (config.tieEmbeddings()) {
      tensors.remove(HEAD); // a copy of the token embedding
    }
    check();
  }

  /**
   * Opens a folder and checks that its tensors are those that its configuration describes.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if it is not a GPT-2 that we compute
   */
  public static ModelFolder open(Path folder) {
    Path configFile = folder.resolve(HuggingFaceConfig.FILE);
    if (!Files.isRegularFile(configFile)) {
      throw new GptException(
          Failure.CHECKPOINT,
          "%s is not a model: it has no %s; give a checkpoint or a Hugging Face GPT-2 folder"
              .formatted(folder, HuggingFaceConfig.FILE));
    }
    GptConfig config = HuggingFaceConfig.parse(configFile, RunFolder.readJson(configFile));
    Path weights = folder.resolve(WEIGHTS);
    if (!Files.isRegularFile(weights)) {
      throw new GptException(
          Failure.CHECKPOINT,
          "%s has no %s; save it again with save_pretrained(…, safe_serialization=True)"
              .formatted(folder, WEIGHTS));
    }
    SafetensorsFile file = SafetensorsFile.open(weights);
    try {
      return new ModelFolder(file, config);
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  private void check() {
    Map<String, TensorEntry> unused = new LinkedHashMap<>(tensors);
    for (Parameter parameter : new ParameterLayout(config).parameters()) {
      TensorEntry tensor = unused.remove(parameter.name());
      if (tensor == null) {
        throw failure("it has no tensor " + parameter.name().substring(prefixLength(parameter)));
      }
      if (!tensor.shape().equals(parameter.logicalShape())) {
        throw failure(
            "%s should have the shape %s by config.json"
                .formatted(tensor, parameter.logicalShape()));
      }
    }
    if (!config.qkvBias()) {
      for (int layer = 0; layer < config.layers(); layer++) {
        TensorEntry bias = unused.remove(PREFIX + "h." + layer + "." + QKV_BIAS);
        if (bias != null && !isZero(bias)) {
          throw failure(
              "%s is not zero, but config.json says \"qkv_bias\": false; remove that line"
                  .formatted(bias.name()));
        }
      }
    }
    if (!unused.isEmpty()) {
      throw failure(
          "tensor %s does not belong to the GPT-2 that config.json describes"
              .formatted(unused.values().iterator().next().name()));
    }
  }

  private static int prefixLength(Parameter parameter) {
    return parameter.name().startsWith(PREFIX) ? PREFIX.length() : 0;
  }

  private boolean isZero(TensorEntry tensor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(ValueLayout.JAVA_FLOAT, tensor.elements());
      file.copyFloats(tensor.name(), values);
      return values
          .elements(ValueLayout.JAVA_FLOAT)
          .allMatch(value -> value.get(ValueLayout.JAVA_FLOAT, 0) == 0);
    }
  }

  private GptException failure(String reason) {
    return new GptException(
        Failure.CHECKPOINT, "cannot load %s: %s".formatted(file.path(), reason));
  }

  /** Shape of the model. */
  public GptConfig config() {
    return config;
  }

  /**
   * Copies the weights into a model of the same shape; dropout may differ.
   *
   * @throws GptException with {@link Failure#CHECKPOINT} if the shapes differ
   */
  public void read(FlatParameters target) {
    GptConfig wanted = target.layout().config();
    String difference =
        firstDifference(
            wanted.vocabularySize() + " --vocab-size " + config.vocabularySize(),
            wanted.contextLength() + " --context-length " + config.contextLength(),
            wanted.width() + " --width " + config.width(),
            wanted.layers() + " --layers " + config.layers(),
            wanted.heads() + " --heads " + config.heads(),
            wanted.qkvBias() + " --qkv-bias " + config.qkvBias(),
            wanted.tieEmbeddings() + " --tie-embeddings " + config.tieEmbeddings());
    if (difference != null) {
      throw failure(difference);
    }
    target.write(
        (parameter, memory) -> file.copyFloats(tensors.get(parameter.name()).name(), memory));
  }

  private static String firstDifference(String... pairs) {
    for (String pair : pairs) {
      String[] parts = pair.split(" ");
      if (!parts[0].equals(parts[2])) {
        return "its %s is %s, the model's is %s; leave out that flag"
            .formatted(parts[1], parts[2], parts[0]);
      }
    }
    return null;
  }

  /**
   * Writes a model into an existing folder; the bytes depend on the model only. The vocabulary is
   * written without its padding, and a model without query/key/value bias gets one of zeros.
   *
   * @return the files written, with their checksums
   */
  static List<Manifest.Entry> write(Path folder, FlatParameters parameters) throws IOException {
    ParameterLayout layout = parameters.layout();
    GptConfig config = layout.config();
    List<Manifest.Entry> files = new ArrayList<>();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment host = parameters.read(arena);
      List<SafetensorsWriter.Item> items = new ArrayList<>();
      for (Parameter parameter : layout.parameters()) {
        items.add(item(parameter.name(), parameter, host));
        if (!config.qkvBias() && parameter.name().endsWith("attn.c_attn.weight")) {
          long outputs = parameter.shape().getLast();
          items.add(
              new SafetensorsWriter.Item(
                  parameter.name().replace(".weight", ".bias"),
                  StoredType.F32,
                  new long[] {outputs},
                  arena.allocate(ValueLayout.JAVA_FLOAT, outputs)));
        }
      }
      SafetensorsWriter.Written written =
          SafetensorsWriter.write(folder.resolve(WEIGHTS), Map.of("format", "pt"), items);
      files.add(new Manifest.Entry(WEIGHTS, written.bytes(), written.crc32c()));
    }
    files.add(Manifest.write(folder, HuggingFaceConfig.FILE, HuggingFaceConfig.toJson(config)));
    files.add(Manifest.write(folder, "tokenizer_config.json", HuggingFaceConfig.tokenizer(config)));
    if (HuggingFaceConfig.hasGpt2Vocabulary(config)) {
      TokenizerFiles tokenizer = TokenizerFiles.gpt2();
      files.add(Manifest.write(folder, TokenizerFiles.VOCABULARY, tokenizer.vocabulary()));
      files.add(Manifest.write(folder, TokenizerFiles.MERGES, tokenizer.merges()));
    }
    return files;
  }

  /** A parameter, or a moment of it, as an entry of a file. */
  static SafetensorsWriter.Item item(String name, Parameter parameter, MemorySegment host) {
    return new SafetensorsWriter.Item(
        name,
        StoredType.F32,
        parameter.logicalShape().stream().mapToLong(Long::longValue).toArray(),
        FlatParameters.logical(host, parameter));
  }

  @Override
  public void close() {
    file.close();
  }
}
