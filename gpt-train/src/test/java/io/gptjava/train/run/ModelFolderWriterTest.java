package io.gptjava.train.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.safetensors.StoredType;
import io.gptjava.train.formats.ArrayWeights;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelFolderWriterTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path parent;

  private Path folder() {
    return parent.resolve("model");
  }

  private Set<String> files() throws IOException {
    try (Stream<Path> files = Files.list(folder())) {
      return files
          .map(file -> file.getFileName().toString())
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }

  private JsonNode json(String name) throws IOException {
    return JSON.readTree(Files.readAllBytes(folder().resolve(name)));
  }

  @Test
  void aModelOfGpt2sVocabularyHasAWholeTokenizer() throws IOException {
    GptConfig config = new GptConfig(50_257, 8, 2, 1, 1, 0, true, true);
    ModelFolderWriter.writeHuggingFace(folder(), ArrayWeights.random(config, 1), StoredType.BF16);
    assertEquals(
        Set.of(
            "model.safetensors",
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "vocab.json",
            "merges.txt",
            "tokenizer_config.json"),
        files());
    assertEquals(50_256, json("generation_config.json").get("eos_token_id").intValue());
    assertEquals("bfloat16", json("config.json").get("torch_dtype").textValue());
    assertEquals("GPT2Tokenizer", json("tokenizer_config.json").get("tokenizer_class").textValue());
    JsonNode tokenizer = json("tokenizer.json");
    assertEquals(json("vocab.json"), tokenizer.at("/model/vocab"));
    List<String> merges =
        Files.readAllLines(folder().resolve("merges.txt"), StandardCharsets.UTF_8);
    assertEquals(50_000, merges.size() - 1);
    assertEquals(JSON.valueToTree(merges.subList(1, merges.size())), tokenizer.at("/model/merges"));
    assertEquals("BPE", tokenizer.at("/model/type").textValue());
    assertEquals("ByteLevel", tokenizer.at("/pre_tokenizer/type").textValue());
    assertFalse(tokenizer.at("/pre_tokenizer/add_prefix_space").booleanValue());
    assertEquals("ByteLevel", tokenizer.at("/decoder/type").textValue());
    assertEquals(50_256, tokenizer.at("/added_tokens/0/id").intValue());
    assertEquals("<|endoftext|>", tokenizer.at("/added_tokens/0/content").textValue());
  }

  @Test
  void anotherVocabularyHasNone() throws IOException {
    ModelFolderWriter.writeHuggingFace(
        folder(), ArrayWeights.random(ArrayWeights.SMALL, 1), StoredType.F32);
    assertEquals(
        Set.of(
            "model.safetensors", "config.json", "generation_config.json", "tokenizer_config.json"),
        files());
    assertTrue(json("generation_config.json").get("eos_token_id").isNull());
  }

  @Test
  void halfPrecisionThatOverflowsIsRefused() {
    ArrayWeights weights = ArrayWeights.random(ArrayWeights.SMALL, 1);
    weights.arrays().get("transformer.h.1.mlp.c_fc.bias")[3] = 65_520; // the first that is infinite
    GptException e =
        assertThrows(
            GptException.class,
            () -> ModelFolderWriter.writeHuggingFace(folder(), weights, StoredType.F16));
    assertEquals(Failure.USAGE, e.failure());
    assertTrue(e.getMessage().contains("65520.0, which transformer.h.1.mlp.c_fc.bias"));
  }

  @Test
  void checkpointsOfWeightsAreVerifiedWhenTheyAreOpened() throws IOException {
    ArrayWeights weights = ArrayWeights.random(ArrayWeights.TEXTBOOK, 1);
    ModelFolderWriter.writeCheckpoint(folder(), weights);
    assertTrue(Checkpoint.isWeightsOnly(folder()));
    try (ModelFolder opened = Checkpoints.openModel(folder())) {
      assertEquals(ArrayWeights.TEXTBOOK, opened.config());
      weights.assertSame(opened);
    }
    Path file = folder().resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 1] ^= 1;
    Files.write(file, bytes);
    GptException e =
        assertThrows(GptException.class, () -> Checkpoints.openModel(folder()).close());
    assertEquals(Failure.CHECKPOINT, e.failure());
    assertTrue(e.getMessage().contains("model.safetensors is damaged"), e.getMessage());
  }

  @Test
  void theSameModelHasTheSameBytes() throws IOException {
    ArrayWeights weights = ArrayWeights.random(ArrayWeights.SMALL, 1);
    ModelFolderWriter.writeCheckpoint(folder(), weights);
    ModelFolderWriter.writeCheckpoint(parent.resolve("again"), weights);
    for (String name : files()) {
      assertArrayEquals(
          Files.readAllBytes(folder().resolve(name)),
          Files.readAllBytes(parent.resolve("again").resolve(name)),
          name);
    }
  }

  @Test
  void outputsAppearWholeOrNotAtAll() throws IOException {
    Path target = parent.resolve("a/b/out");
    String made =
        NewOutput.create(
            target,
            temporary -> {
              Files.createDirectory(temporary);
              Files.writeString(temporary.resolve("file"), "content");
              assertFalse(Files.exists(target));
              return "made";
            });
    assertEquals("made", made);
    assertEquals("content", Files.readString(target.resolve("file")));
    GptException e =
        assertThrows(GptException.class, () -> NewOutput.create(target, temporary -> null));
    assertEquals(Failure.USAGE, e.failure());
    assertEquals("--out %s already exists; choose another".formatted(target), e.getMessage());
    Path failing = parent.resolve("a/failing");
    assertThrows(
        IllegalStateException.class,
        () ->
            NewOutput.create(
                failing,
                temporary -> {
                  Files.writeString(temporary, "half");
                  throw new IllegalStateException();
                }));
    try (Stream<Path> left = Files.list(parent.resolve("a"))) {
      assertEquals(List.of(parent.resolve("a/b")), left.toList());
    }
    e =
        assertThrows(
            GptException.class,
            () -> NewOutput.create(target.resolve("file/x"), temporary -> null));
    assertEquals(Failure.USAGE, e.failure());
  }
}
