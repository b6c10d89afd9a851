package io.gptjava.train.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.formats.ModelBytes.Stored;
import io.gptjava.train.formats.ModelBytes.Type;
import io.gptjava.train.run.ModelFolder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that lie: refused with the file and the reason, without much memory. */
class HostileModelsTest {
  private static final String INDEX = "model.safetensors.index.json";
  private static final String DATA = "model.ckpt.data-00000-of-00001";

  @TempDir Path folder;
  private ArrayWeights weights;

  @BeforeEach
  void draw() {
    weights = ArrayWeights.random(ArrayWeights.SMALL, 1);
  }

  private static void refused(Allocation.Action open, String... reasons) {
    GptException e =
        assertThrows(GptException.class, () -> Allocation.assertBelow(16_000_000, open));
    assertEquals(Failure.CHECKPOINT, e.failure());
    for (String reason : reasons) {
      assertTrue(e.getMessage().contains(reason), e.getMessage());
    }
    assertTrue(e.getMessage().lines().count() <= 3, e.getMessage());
    assertTrue(e.getMessage().length() < 1000, e.getMessage());
  }

  private void refusedFolder(String... reasons) {
    refused(() -> ModelFolder.open(folder).close(), reasons);
  }

  private void refusedOpenAi(String... reasons) {
    refused(() -> weights.assertSame(OpenAiCheckpoint.open(folder)), reasons);
  }

  private void refusedLlmc(byte[] bytes, String... reasons) throws IOException {
    Path file = folder.resolve("model.bin");
    Files.write(file, bytes);
    refused(() -> LlmcCheckpoint.open(file).close(), reasons);
  }

  private void writeSharded(String weightMap) throws IOException {
    Map<String, Stored> tensors = ModelBytes.gpt2(weights, Type.F32);
    ModelBytes.huggingFace(folder, weights, tensors);
    Files.move(folder.resolve("model.safetensors"), folder.resolve("all.safetensors"));
    Files.writeString(folder.resolve(INDEX), "{\"weight_map\": " + weightMap + "}");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../all.safetensors",
        "/etc/all.safetensors",
        "sub/all.safetensors",
        "..\\\\all.safetensors",
        ".all.safetensors",
        "all.safetensors\\u0000",
        "all.bin",
        ""
      })
  void shardsAreNamesInTheFolder(String name) throws IOException {
    writeSharded("{\"transformer.wte.weight\": \"" + name + "\"}");
    refusedFolder(INDEX, "transformer.wte.weight", "is not the name of a .safetensors file");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "{}; it has no weight_map",
        "[]; it has no weight_map",
        "{\"a\": 1}; is not the name of a .safetensors file",
        "{\"a\": \"none.safetensors\"}; it does not exist",
        "{\"a\": \"all.safetensors\"}; all.safetensors has no tensor 'a'",
        "{\"transformer.wte.weight\": \"all.safetensors\"}; it does not name tensor",
        "{\"a\": 1, \"a\": 2}; Duplicate",
      })
  void indexesAgreeWithTheirShards(String map, String reason) throws IOException {
    writeSharded(map);
    refusedFolder(reason);
  }

  /** A name with line breaks and escapes must neither lengthen a message nor steer a terminal. */
  @Test
  void namesDoNotSteerTerminals() throws IOException {
    Map<String, Stored> tensors = ModelBytes.gpt2(weights, Type.F32);
    tensors.put("x\\u001b[2J\\r\\ny", tensors.values().iterator().next());
    ModelBytes.huggingFace(folder, weights, tensors);
    refusedFolder("x?[2J??y does not belong to the GPT-2");
  }

  @Test
  void twoShardsWithOneTensorAreRefused() throws IOException {
    writeSharded(
        "{\"transformer.wte.weight\": \"all.safetensors\", \"lm_head.weight\":"
            + " \"more.safetensors\"}");
    Files.copy(folder.resolve("all.safetensors"), folder.resolve("more.safetensors"));
    refusedFolder("both have a tensor");
  }

  @ParameterizedTest
  @CsvSource({
    "n_layer, 2000000000, n_layer is 2000000000",
    "n_layer, 16384, it has no tensor h.28.ln_1.weight",
    "n_embd, 2147483647, n_embd is 2147483647",
    "n_embd, 16777216, Shape mismatch",
    "n_head, 0, n_head is 0",
    "vocab_size, 99999999999999999999, vocab_size is 99999999999999999999",
    "n_positions, 1.5, n_positions is 1.5",
    "n_embd, 1e999, n_embd is",
  })
  void hugeShapesAreRefusedBeforeAnythingIsMadeForThem(String key, String value, String reason)
      throws IOException {
    ModelBytes.huggingFace(folder, weights, ModelBytes.gpt2(weights, Type.F32));
    Path config = folder.resolve("config.json");
    String json =
        Files.readString(config).replaceAll("\"" + key + "\": \\d+", "\"" + key + "\": " + value);
    Files.writeString(config, json.replaceAll("\"n_head\": [1-9]\\d*", "\"n_head\": 1"));
    refusedFolder(reason);
  }

  @Test
  void hugeConfigurationsAreNotRead() throws IOException {
    ModelBytes.huggingFace(folder, weights, ModelBytes.gpt2(weights, Type.F32));
    Files.writeString(folder.resolve("config.json"), "{\"a\": \"" + "a".repeat(5 << 20) + "\"}");
    refusedFolder("config.json", "such a file has at most 4,194,304");
    Files.writeString(folder.resolve("config.json"), "[".repeat(4 << 20));
    refusedFolder("config.json", "it is not JSON");
  }

  @Test
  void namesForOneTensorAreAmbiguous() throws IOException {
    Map<String, Stored> tensors = new LinkedHashMap<>(ModelBytes.gpt2(weights, Type.F32));
    tensors.put("wpe.weight", tensors.get("transformer.wpe.weight"));
    ModelBytes.huggingFace(folder, weights, tensors);
    refusedFolder("transformer.wpe.weight and wpe.weight are two names of one tensor");
  }

  @Test
  void integersAreNotWeights() throws IOException {
    Map<String, Stored> tensors = ModelBytes.gpt2(weights, Type.F32);
    tensors.put("transformer.ln_f.bias", new Stored("I32", new int[] {24}, new byte[96]));
    ModelBytes.huggingFace(folder, weights, tensors);
    refusedFolder("transformer.ln_f.bias I32[24] should be floating-point");
  }

  private byte[] llmcWith(int at, int value) {
    byte[] bytes = ModelBytes.llmc(weights, Type.F32);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(4 * at, value);
    return bytes;
  }

  @Test
  void llmcFilesAreChecked() throws IOException {
    byte[] whole = ModelBytes.llmc(weights, Type.F32);
    refusedLlmc(new byte[0], "it has 0 bytes");
    refusedLlmc(Arrays.copyOf(whole, 1023), "it has 1023 bytes");
    refusedLlmc(Arrays.copyOf(whole, whole.length - 1), "it is truncated");
    refusedLlmc(Arrays.copyOf(whole, whole.length + 4), "it is too long");
    refusedLlmc(llmcWith(0, 20240520), "it begins with 20240520");
    refusedLlmc(llmcWith(1, 1), "its version is 1");
    refusedLlmc(llmcWith(1, 5), "it is too long");
    refusedLlmc(llmcWith(2, -1), "the context length is -1");
    refusedLlmc(llmcWith(3, 1 << 24), "its padded vocabulary 256 is smaller");
    refusedLlmc(llmcWith(4, Integer.MAX_VALUE), "the number of layers is 2147483647");
    refusedLlmc(llmcWith(4, 1 << 14), "it is truncated");
    refusedLlmc(llmcWith(5, 7), "the width 24 is not divisible");
    refusedLlmc(llmcWith(6, 1 << 24), "it is truncated");
    refusedLlmc(llmcWith(7, 1 << 24), "it is truncated");
    refused(() -> LlmcCheckpoint.open(folder).close(), "it is a folder");
    refused(() -> LlmcCheckpoint.open(folder.resolve("none")).close(), "it does not exist");
  }

  @ParameterizedTest
  @ValueSource(strings = {"../model.ckpt", "/tmp/model.ckpt", "a/model.ckpt", "..", ""})
  void openAiPointersAreNamesInTheFolder(String name) throws IOException {
    BundleBytes.of(weights).write(folder, weights);
    Files.writeString(
        folder.resolve("checkpoint"), "model_checkpoint_path: \"%s\"".formatted(name));
    refusedOpenAi("checkpoint: model_checkpoint_path is");
  }

  @Test
  void openAiFoldersAreComplete() throws IOException {
    BundleBytes.of(weights).write(folder, weights);
    Files.writeString(folder.resolve("checkpoint"), "nothing");
    refusedOpenAi("it has no line model_checkpoint_path");
    Files.delete(folder.resolve("checkpoint"));
    refusedOpenAi("checkpoint", "it does not exist");
    Files.writeString(folder.resolve("hparams.json"), "{\"n_embd\": \"many\"}");
    refusedOpenAi("it gives no whole number as n_embd");
    Files.delete(folder.resolve("hparams.json"));
    refusedOpenAi("it has no hparams.json");
  }

  @Test
  void openAiShapesMatchTheirTensors() throws IOException {
    BundleBytes bundle = BundleBytes.of(weights);
    bundle.write(folder, weights);
    Path shape = folder.resolve("hparams.json");
    String json = Files.readString(shape);
    Files.writeString(shape, json.replace("\"n_vocab\": 131", "\"n_vocab\": 50257"));
    refusedOpenAi("model/wte: Shape mismatch. Left: [50257, 24], Right: [131, 24]");
    Files.writeString(shape, json.replace("\"n_layer\": 2", "\"n_layer\": 3"));
    refusedOpenAi(
        "it has no tensor model/h2/ln_1/g, model/h2/ln_1/b, model/h2/attn/c_attn/w and 9");
    Files.writeString(shape, json.replace("\"n_layer\": 2", "\"n_layer\": 1"));
    refusedOpenAi("model/h1/attn/c_attn/b, ", "and 9 more do not belong");
    Files.writeString(shape, json.replace("\"n_layer\": 2", "\"n_layer\": 16384"));
    refusedOpenAi("it has no tensor model/h28/ln_1/g");
    Files.writeString(shape, json.replace("\"n_layer\": 2", "\"n_layer\": 16385"));
    refusedOpenAi("n_layer is 16385");
  }

  @Test
  void checksumsOfBundlesAreVerified() throws IOException {
    BundleBytes bundle = BundleBytes.of(weights);
    bundle.write(folder, weights);
    byte[] data = bundle.data.toByteArray();
    data[data.length / 2] ^= 1;
    Files.write(folder.resolve(DATA), data);
    refusedOpenAi(DATA, "the checksum of tensor model/");
    byte[] index = bundle.index();
    index[40] ^= 1;
    Files.write(folder.resolve("model.ckpt.index"), index);
    refusedOpenAi("the checksum of the block at 0 is wrong");
  }

  @Test
  void truncatedBundlesAreRefused() throws IOException {
    BundleBytes bundle = BundleBytes.of(weights);
    bundle.write(folder, weights);
    byte[] data = bundle.data.toByteArray();
    Files.write(folder.resolve(DATA), Arrays.copyOf(data, data.length - 1));
    refusedOpenAi("is truncated: tensor");
    Files.delete(folder.resolve(DATA));
    refusedOpenAi(DATA, "it does not exist");
    byte[] index = bundle.index();
    for (int length : new int[] {0, 47, 48, index.length - 48, index.length - 1}) {
      Files.write(folder.resolve("model.ckpt.index"), Arrays.copyOf(index, length));
      refusedOpenAi("model.ckpt.index", "truncated");
    }
  }

  private void refusedEntry(String name, byte[] entry, String... reasons) throws IOException {
    BundleBytes bundle = BundleBytes.of(weights);
    bundle.entries.put(name, entry);
    bundle.write(folder, weights);
    refusedOpenAi(reasons);
  }

  @Test
  void descriptionsOfTensorsAreChecked() throws IOException {
    BundleBytes bundle = BundleBytes.of(weights);
    bundle.describe("model/wpe", BundleBytes.FLOAT, new int[] {16, 24}, 0, 16 * 24 * 4, 0);
    bundle.write(folder, weights);
    refusedOpenAi("overlap");
    bundle.describe("model/wpe", BundleBytes.FLOAT, new int[] {16, 24}, 1L << 62, 16 * 24 * 4, 0);
    bundle.write(folder, weights);
    refusedOpenAi("is truncated: tensor model/wpe");
    bundle.describe("model/wpe", BundleBytes.FLOAT, new int[] {16, 24}, -8, 16 * 24 * 4, 0);
    bundle.write(folder, weights);
    refusedOpenAi("tensor model/wpe lies nowhere");
    bundle.describe("model/wpe", BundleBytes.FLOAT, new int[] {16, 24}, 0, Long.MAX_VALUE, 0);
    bundle.write(folder, weights);
    refusedOpenAi("tensor model/wpe [16, 24] needs 1536 bytes");
    int huge = Integer.MAX_VALUE;
    bundle.describe("model/wpe", BundleBytes.FLOAT, new int[] {huge, huge, huge}, 0, 4, 0);
    bundle.write(folder, weights);
    refusedOpenAi("tensor model/wpe has the shape");
    bundle.describe("model/wpe", BundleBytes.INT64, new int[] {16, 24}, 0, 0, 0);
    bundle.write(folder, weights);
    refusedOpenAi("tensor model/wpe is not of floats");
    refusedEntry("model/wpe", new byte[] {(byte) 0x80}, "a number is cut off");
    refusedEntry("model/wpe", new byte[] {0x12, 0x7F}, "127 bytes are announced where 0 are left");
    refusedEntry("model/wpe", new byte[] {0x0B}, "wire type");
    refusedEntry(
        "model/wpe",
        BundleBytes.join(BundleBytes.field(1, 1), BundleBytes.message(7, new byte[0])),
        "model/wpe is in slices");
    refusedEntry("", BundleBytes.field(1, 1_000_000), "it has 1000000 data files");
    refusedEntry("", BundleBytes.field(2, 1), "big-endian");
    refusedEntry(
        "",
        BundleBytes.join(BundleBytes.field(1, 1), BundleBytes.message(3, BundleBytes.field(2, 99))),
        "it asks for a newer reader");
  }

  @Test
  void compressedBundlesAreRefusedClearly() throws IOException {
    BundleBytes bundle = BundleBytes.of(weights);
    bundle.compression = 1;
    bundle.write(folder, weights);
    refusedOpenAi("is compressed (snappy)");
  }
}
