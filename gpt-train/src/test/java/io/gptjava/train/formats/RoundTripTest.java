package io.gptjava.train.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.core.GptConfig;
import io.gptjava.core.safetensors.StoredType;
import io.gptjava.train.formats.ModelBytes.Stored;
import io.gptjava.train.formats.ModelBytes.Type;
import io.gptjava.train.run.Checkpoints;
import io.gptjava.train.run.ModelFolder;
import io.gptjava.train.run.ModelFolderWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Other programs' models through ours and out again, bit for bit. */
class RoundTripTest {
  @TempDir Path folder;

  static Stream<GptConfig> gpt2Shapes() {
    return ArrayWeights.SHAPES.stream();
  }

  static Stream<GptConfig> shapes() {
    return Stream.concat(gpt2Shapes(), Stream.of(ArrayWeights.TEXTBOOK));
  }

  /** What comes of a model that goes to our checkpoint and from there to a Hugging Face folder. */
  private Map<String, Stored> throughOurs(ModelWeights weights, StoredType type)
      throws IOException {
    Path ours = folder.resolve("ours");
    ModelFolderWriter.writeCheckpoint(ours, weights);
    try (ModelFolder opened = Checkpoints.openModel(ours)) {
      ModelFolderWriter.writeHuggingFace(folder.resolve("theirs"), opened, type);
    }
    return ModelBytes.tensors(folder.resolve("theirs/model.safetensors"));
  }

  private static void assertEqual(Map<String, Stored> expected, Map<String, Stored> actual) {
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach(
        (name, tensor) -> {
          assertEquals(tensor.type(), actual.get(name).type(), name);
          assertArrayEquals(tensor.shape(), actual.get(name).shape(), name);
          assertArrayEquals(tensor.bytes(), actual.get(name).bytes(), name);
        });
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void huggingFaceModelsComeBackBitForBit(GptConfig config) throws IOException {
    ArrayWeights weights = ArrayWeights.random(config, 1);
    Map<String, Stored> tensors = ModelBytes.gpt2(weights, Type.F32);
    Path theirs = folder.resolve("source");
    ModelBytes.huggingFace(theirs, weights, tensors);
    try (ModelFolder opened = ModelFolder.open(theirs)) {
      assertEquals(config, opened.config());
      assertEqual(tensors, throughOurs(opened, StoredType.F32));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void narrowModelsComeBackBitForBit(Type type) throws IOException {
    ArrayWeights weights = ArrayWeights.random(ArrayWeights.SMALL, 2).map(type::held);
    Map<String, Stored> tensors = ModelBytes.gpt2(weights, type);
    Path theirs = folder.resolve("source");
    ModelBytes.huggingFace(theirs, weights, tensors);
    try (ModelFolder opened = ModelFolder.open(theirs)) {
      weights.assertSame(opened);
      assertEqual(tensors, throughOurs(opened, StoredType.valueOf(type.name())));
    }
    JsonNode config = new ObjectMapper().readTree(folder.resolve("theirs/config.json").toFile());
    assertEquals(type == Type.F16 ? "float16" : "bfloat16", config.get("torch_dtype").textValue());
  }

  @ParameterizedTest
  @MethodSource("gpt2Shapes")
  void llmcComesBackByteForByte(GptConfig shape) throws IOException {
    GptConfig config =
        new GptConfig(
            shape.vocabularySize(),
            shape.contextLength(),
            shape.width(),
            shape.layers(),
            shape.heads(),
            0,
            true,
            true);
    ArrayWeights weights = ArrayWeights.random(config, 3);
    Path file = folder.resolve("theirs.bin");
    Files.write(file, ModelBytes.llmc(weights, Type.F32));
    Path ours = folder.resolve("ours");
    try (LlmcCheckpoint opened = LlmcCheckpoint.open(file)) {
      assertEquals(config, opened.config());
      weights.assertSame(opened);
      ModelFolderWriter.writeCheckpoint(ours, opened);
    }
    Path back = folder.resolve("back.bin");
    try (ModelFolder opened = ModelFolder.open(ours)) {
      LlmcWriter.write(back, opened, StoredType.F32);
    }
    assertEquals(-1, Files.mismatch(file, back));
  }

  @Test
  void llmcInBfloat16ComesBackByteForByte() throws IOException {
    ArrayWeights weights = ArrayWeights.random(ArrayWeights.SMALL, 4).map(Type.BF16::held);
    Path file = folder.resolve("theirs.bin");
    Files.write(file, ModelBytes.llmc(weights, Type.BF16));
    try (LlmcCheckpoint opened = LlmcCheckpoint.open(file)) {
      weights.assertSame(opened);
      LlmcWriter.write(folder.resolve("back.bin"), opened, StoredType.BF16);
    }
    assertEquals(-1, Files.mismatch(file, folder.resolve("back.bin")));
  }

  @Test
  void llmcGetsZerosForAQueryKeyValueBiasThatAModelLacks() throws IOException {
    GptConfig config = new GptConfig(131, 16, 24, 2, 4, 0, false, true);
    ArrayWeights weights = ArrayWeights.random(config, 5);
    LlmcWriter.write(folder.resolve("ours.bin"), weights, StoredType.F32);
    assertArrayEquals(
        ModelBytes.llmc(weights, Type.F32), Files.readAllBytes(folder.resolve("ours.bin")));
  }

  @ParameterizedTest
  @MethodSource("gpt2Shapes")
  void openAiModelsAreRead(GptConfig config) throws IOException {
    ArrayWeights weights = ArrayWeights.random(config, 6);
    BundleBytes.of(weights).write(folder.resolve("source"), weights);
    try (OpenAiCheckpoint opened = OpenAiCheckpoint.open(folder.resolve("source"))) {
      assertEquals(config, opened.config());
      weights.assertSame(opened);
      assertEqual(ModelBytes.gpt2(weights, Type.F32), throughOurs(opened, StoredType.F32));
    }
  }

  @Test
  void openAiModelsMayHaveOtherVariables() throws IOException {
    ArrayWeights weights = ArrayWeights.random(ArrayWeights.SMALL, 7);
    BundleBytes bundle = BundleBytes.of(weights);
    bundle.add("global_step", BundleBytes.INT64, new int[0], new byte[8]);
    bundle.addFloats("model/wpe/Adam_1", new int[] {2}, 1, 2);
    bundle.entriesPerBlock = 1;
    bundle.write(folder, weights);
    try (OpenAiCheckpoint opened = OpenAiCheckpoint.open(folder)) {
      weights.assertSame(opened);
      assertEquals(
          List.of("2 variables of the optimizer or the training loop ignored"), opened.notes());
    }
  }

  @Test
  void shardsAreOneModel() throws IOException {
    ArrayWeights weights = ArrayWeights.random(ArrayWeights.SMALL, 8);
    StringBuilder map = new StringBuilder();
    Map<Integer, Map<String, Stored>> shards = new LinkedHashMap<>();
    ModelBytes.gpt2(weights, Type.F32)
        .forEach(
            (name, tensor) -> {
              int shard = Math.floorMod(name.hashCode(), 3);
              shards.computeIfAbsent(shard, s -> new LinkedHashMap<>()).put(name, tensor);
              map.append(map.isEmpty() ? "" : ",")
                  .append("\"%s\":\"model-%05d-of-00003.safetensors\"".formatted(name, shard + 1));
            });
    Files.writeString(folder.resolve("config.json"), ModelBytes.config(weights));
    Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        "{\"metadata\":{\"total_size\":1},\"weight_map\":{" + map + "}}");
    for (var shard : shards.entrySet()) {
      Files.write(
          folder.resolve("model-%05d-of-00003.safetensors".formatted(shard.getKey() + 1)),
          ModelBytes.safetensors(shard.getValue()));
    }
    try (ModelFolder opened = ModelFolder.open(folder)) {
      weights.assertSame(opened);
    }
  }

  @Test
  void nanoGptsNamesAndOrientationAreRead() throws IOException {
    ArrayWeights weights = ArrayWeights.random(ArrayWeights.SMALL, 9);
    Map<String, Stored> tensors = new LinkedHashMap<>();
    weights
        .arrays()
        .forEach(
            (name, values) -> {
              int[] shape = weights.shape(name);
              tensors.put(
                  "_orig_mod." + name,
                  ArrayWeights.isLinear(name)
                      ? Stored.of(
                          Type.F32,
                          new int[] {shape[1], shape[0]},
                          ArrayWeights.transposed(values, shape[0], shape[1]))
                      : Stored.of(Type.F32, shape, values));
            });
    tensors.put("_orig_mod.lm_head.weight", tensors.get("_orig_mod.transformer.wte.weight"));
    tensors.put(
        "_orig_mod.transformer.h.0.attn.bias",
        Stored.of(Type.F32, new int[] {1, 1, 16, 16}, new float[256]));
    ModelBytes.huggingFace(folder, weights, tensors);
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"n_layer": 2, "n_head": 4, "n_embd": 24, "block_size": 16, "bias": true,
         "vocab_size": 131, "dropout": 0.1}
        """);
    try (ModelFolder opened = ModelFolder.open(folder)) {
      assertEquals(ArrayWeights.SMALL, opened.config());
      weights.assertSame(opened);
      assertTrue(opened.notes().toString().contains("transposed"), opened.notes().toString());
      assertTrue(opened.notes().toString().contains("1 causal masks"), opened.notes().toString());
    }
  }

  @Test
  void nanoGptWithoutBiasesHasZeros() throws IOException {
    GptConfig config = new GptConfig(131, 16, 24, 2, 4, 0, false, true);
    ArrayWeights weights = ArrayWeights.random(config, 10);
    Map<String, Stored> tensors = ModelBytes.gpt2(weights, Type.F32);
    tensors.keySet().removeIf(name -> name.endsWith(".bias"));
    ModelBytes.huggingFace(folder, weights, tensors);
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"n_layer": 2, "n_head": 4, "n_embd": 24, "block_size": 16, "bias": false,
         "vocab_size": 131, "dropout": 0.0}
        """);
    weights.arrays().replaceAll((name, v) -> name.endsWith(".bias") ? new float[v.length] : v);
    try (ModelFolder opened = ModelFolder.open(folder)) {
      assertEquals(config, opened.config());
      weights.assertSame(opened);
    }
  }
}
