package io.gptjava.train.run;

import com.fasterxml.jackson.databind.JsonNode;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.safetensors.SafetensorsWriter;
import io.gptjava.core.safetensors.StoredType;
import io.gptjava.train.formats.HuggingFaceTensors;
import io.gptjava.train.formats.ModelFiles;
import io.gptjava.train.formats.ModelWeights;
import io.gptjava.train.formats.SafetensorsShards;
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
 * A model as {@code GPT2LMHeadModel.save_pretrained} and {@code from_pretrained} know it: a folder
 * with {@code config.json} and {@code model.safetensors} or the shards of one. {@link
 * HuggingFaceTensors} says which names are accepted; F32, F16, BF16 and F64 become fp32.
 */
public final class ModelFolder implements ModelWeights {
  static final String WEIGHTS = SafetensorsShards.SINGLE;

  private final SafetensorsShards shards;
  private final GptConfig config;
  private final HuggingFaceTensors tensors;

  private ModelFolder(SafetensorsShards shards, GptConfig config, HuggingFaceTensors tensors) {
    this.shards = shards;
    this.config = config;
    this.tensors = tensors;
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
    JsonNode json = ModelFiles.readJson(configFile);
    GptConfig config = HuggingFaceConfig.parse(configFile, json);
    SafetensorsShards shards = SafetensorsShards.open(folder);
    try {
      boolean biases = HuggingFaceConfig.hasBiases(json);
      return new ModelFolder(shards, config, new HuggingFaceTensors(shards, config, biases));
    } catch (RuntimeException e) {
      shards.close();
      throw e;
    }
  }

  private GptException failure(String reason) {
    return new GptException(
        Failure.CHECKPOINT, "cannot load %s: %s".formatted(shards.path(), reason));
  }

  @Override
  public Path path() {
    return shards.path();
  }

  @Override
  public GptConfig config() {
    return config;
  }

  @Override
  public List<String> notes() {
    return tensors.notes();
  }

  @Override
  public void copy(Parameter parameter, MemorySegment target) {
    tensors.copy(parameter, target);
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
    target.write(this::copy);
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
    files.addAll(ModelFolderWriter.describe(folder, config, StoredType.F32));
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
    shards.close();
  }
}
