package io.gptjava.train.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.safetensors.SafetensorsFile;
import io.gptjava.core.safetensors.SafetensorsWriter;
import io.gptjava.core.safetensors.StoredType;
import io.gptjava.core.safetensors.TensorEntry;
import io.gptjava.train.model.ParameterLayout;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelFolderTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final GptConfig GPT2 = new GptConfig(131, 7, 20, 2, 4, 0.1f, true, true);
  private static final GptConfig TEXTBOOK = new GptConfig(131, 7, 20, 2, 4, 0.1f, false, false);

  @TempDir Path folder;
  private final FakeBackend backend = new FakeBackend(false);

  @AfterEach
  void close() {
    backend.close();
  }

  private FlatParameters model(GptConfig config, long step) {
    ParameterLayout layout = new ParameterLayout(config);
    OptimizerState state = backend.state(layout);
    backend.fill(layout, state, step);
    return new FlatParameters(backend, layout, state.parameters());
  }

  private FlatParameters write(GptConfig config) throws IOException {
    FlatParameters model = model(config, 1);
    ModelFolder.write(folder, model);
    return model;
  }

  @Test
  void theTokenizerLiesBesideAModelOfItsVocabulary() throws IOException {
    write(new GptConfig(50_257, 4, 4, 1, 2, 0, true, true));
    assertArrayEquals(
        TokenizerFiles.gpt2().vocabulary(), Files.readAllBytes(folder.resolve("vocab.json")));
    assertArrayEquals(
        TokenizerFiles.gpt2().merges(), Files.readAllBytes(folder.resolve("merges.txt")));
  }

  private void assertReads(FlatParameters expected) {
    try (ModelFolder opened = ModelFolder.open(folder)) {
      assertEquals(expected.layout().config(), opened.config());
      FlatParameters actual = model(expected.layout().config(), 2);
      opened.read(actual);
      assertArrayEquals(backend.bytes(expected.flat()), backend.bytes(actual.flat()));
    }
  }

  private void editConfig(Consumer<ObjectNode> edit) throws IOException {
    Path file = folder.resolve("config.json");
    ObjectNode node = (ObjectNode) JSON.readTree(file.toFile());
    edit.accept(node);
    JSON.writeValue(file.toFile(), node);
  }

  /** Writes the weights again, each tensor as {@code edit} wants it; null leaves it out. */
  private void editTensors(
      UnaryOperator<SafetensorsWriter.Item> edit, SafetensorsWriter.Item... more)
      throws IOException {
    Path file = folder.resolve("model.safetensors");
    List<SafetensorsWriter.Item> items = new ArrayList<>(List.of(more));
    try (SafetensorsFile old = SafetensorsFile.open(file)) {
      for (TensorEntry tensor : old.tensors().values()) {
        SafetensorsWriter.Item item =
            edit.apply(
                new SafetensorsWriter.Item(
                    tensor.name(),
                    tensor.type(),
                    tensor.shape().stream().mapToLong(Long::longValue).toArray(),
                    MemorySegment.ofArray(
                        old.bytes(tensor.name()).toArray(ValueLayout.JAVA_BYTE))));
        if (item != null) {
          items.add(item);
        }
      }
    }
    SafetensorsWriter.write(file, Map.of(), items);
  }

  private static SafetensorsWriter.Item zeros(String name, long... shape) {
    int count = 1;
    for (long size : shape) {
      count *= (int) size;
    }
    return new SafetensorsWriter.Item(
        name, StoredType.F32, shape, MemorySegment.ofArray(new float[count]));
  }

  private SafetensorsWriter.Item copyOf(String tensor, String name) {
    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("model.safetensors"))) {
      return new SafetensorsWriter.Item(
          name,
          StoredType.F32,
          file.tensor(tensor).shape().stream().mapToLong(Long::longValue).toArray(),
          MemorySegment.ofArray(file.bytes(tensor).toArray(ValueLayout.JAVA_BYTE)));
    }
  }

  private static SafetensorsWriter.Item renamed(SafetensorsWriter.Item item, String name) {
    return new SafetensorsWriter.Item(name, item.type(), item.shape(), item.data());
  }

  private GptException refused(String reason) {
    GptException e = assertThrows(GptException.class, () -> ModelFolder.open(folder).close());
    assertEquals(Failure.CHECKPOINT, e.failure());
    assertTrue(e.getMessage().contains(reason), e.getMessage());
    assertTrue(e.getMessage().lines().count() <= 3);
    return e;
  }

  @Test
  void bothShapesComeBack() throws IOException {
    assertReads(write(GPT2));
    assertReads(write(TEXTBOOK));
  }

  @Test
  void namesWithoutPrefixMasksAndACopiedHeadAreAccepted() throws IOException {
    FlatParameters model = write(GPT2);
    editTensors(
        item -> renamed(item, item.name().replace("transformer.", "")),
        zeros("h.0.attn.bias", 1, 1, 7, 7),
        zeros("h.1.attn.masked_bias"),
        copyOf("transformer.wte.weight", "lm_head.weight"));
    // Transformers' defaults for what older files leave out.
    editConfig(
        node ->
            node.remove(
                List.of(
                    "tie_word_embeddings",
                    "qkv_bias",
                    "scale_attn_weights",
                    "activation_function",
                    "resid_pdrop")));
    assertReads(model);
  }

  @Test
  void aHeadThatIsNotTheEmbeddingItIsTiedToIsNotDropped() throws IOException {
    write(GPT2);
    editTensors(item -> item, zeros("lm_head.weight", 131, 20));
    refused("write \"tie_word_embeddings\": false there");
  }

  @Test
  void halfPrecisionBecomesFp32() throws IOException {
    FlatParameters model = write(GPT2);
    editTensors(
        item -> {
          float[] values =
              item.data()
                  .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN));
          short[] halves = new short[values.length];
          for (int i = 0; i < values.length; i++) {
            halves[i] = Float.floatToFloat16(values[i]);
          }
          return new SafetensorsWriter.Item(
              item.name(), StoredType.F16, item.shape(), MemorySegment.ofArray(halves));
        });
    FlatParameters actual = model(GPT2, 2);
    try (ModelFolder opened = ModelFolder.open(folder)) {
      opened.read(actual);
    }
    for (Parameter parameter : model.layout().parameters()) {
      for (long i = parameter.offset(); i < parameter.offset() + parameter.logicalCount(); i++) {
        float exact = model.flat().segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
        assertEquals(
            Float.float16ToFloat(Float.floatToFloat16(exact)),
            actual.flat().segment().getAtIndex(ValueLayout.JAVA_FLOAT, i));
      }
    }
  }

  @Test
  void paddingBecomesZero() throws IOException {
    write(TEXTBOOK);
    FlatParameters target = model(TEXTBOOK, 2);
    target.flat().segment().fill((byte) 0x3F);
    try (ModelFolder opened = ModelFolder.open(folder)) {
      opened.read(target);
    }
    MemorySegment floats = target.flat().segment();
    for (long i = 131 * 20; i < 256 * 20; i++) {
      assertEquals(0f, floats.getAtIndex(ValueLayout.JAVA_FLOAT, i));
    }
    assertEquals(0f, floats.getAtIndex(ValueLayout.JAVA_FLOAT, target.layout().size() - 1));
  }

  @Test
  void aQueryKeyValueBiasThatIsNotZeroIsNotDropped() throws IOException {
    write(GPT2);
    editConfig(node -> node.put("qkv_bias", false));
    refused("c_attn.bias is not zero");
  }

  @Test
  void configurationsThatWeDoNotComputeAreRefused() throws IOException {
    Map<String, String> unsupported =
        Map.of(
            "activation_function", "\"relu\"",
            "model_type", "\"llama\"",
            "scale_attn_by_inverse_layer_idx", "true",
            "scale_attn_weights", "false",
            "layer_norm_epsilon", "1e-6",
            "n_inner", "64",
            "n_layer", "\"twelve\"",
            "n_embd", "-4",
            "vocab_size", "null");
    for (Map.Entry<String, String> entry : unsupported.entrySet()) {
      write(GPT2);
      editConfig(
          node -> {
            try {
              node.set(entry.getKey(), JSON.readTree(entry.getValue()));
            } catch (IOException e) {
              throw new AssertionError(e);
            }
          });
      refused(entry.getKey());
    }
    write(GPT2);
    editConfig(node -> node.put("n_head", 3));
    refused("n_embd 20 is not divisible by n_head 3");
  }

  @Test
  void tensorsThatDoNotFitTheConfigurationAreTold() throws IOException {
    write(GPT2);
    editConfig(node -> node.put("n_layer", 3));
    refused("it has no tensor h.2.ln_1.weight");
    editConfig(node -> node.put("n_layer", 1));
    refused("h.1.attn.c_attn.weight and 9 more do not belong");
    write(GPT2);
    editConfig(node -> node.put("vocab_size", 130));
    refused("transformer.wte.weight: Shape mismatch. Left: [130, 20], Right: [131, 20]");
    write(GPT2);
    editConfig(node -> node.put("tie_word_embeddings", false));
    refused("it has no tensor lm_head.weight");
    write(GPT2);
    Files.delete(folder.resolve("model.safetensors"));
    refused("safe_serialization=True");
    Files.delete(folder.resolve("config.json"));
    refused("is not a model");
  }

  @Test
  void aModelOfAnotherShapeIsNotLoaded() throws IOException {
    write(GPT2);
    try (ModelFolder opened = ModelFolder.open(folder)) {
      GptException e = assertThrows(GptException.class, () -> opened.read(model(TEXTBOOK, 1)));
      assertEquals(Failure.CHECKPOINT, e.failure());
      assertTrue(e.getMessage().contains("--qkv-bias is true, the model's is false"));
    }
  }
}
