package io.gptjava.train.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.LossScale;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.safetensors.SafetensorsFile;
import io.gptjava.train.GuardState;
import io.gptjava.train.TrainerState;
import io.gptjava.train.data.DataSpan;
import io.gptjava.train.model.ParameterLayout;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointStoreTest {
  /** The textbook's shape, small, with a vocabulary that needs padding. */
  private static final GptConfig TEXTBOOK = new GptConfig(131, 7, 20, 2, 4, 0.1f, false, false);

  private static final GptConfig GPT2 = new GptConfig(131, 7, 20, 2, 4, 0f, true, true);

  @TempDir Path temporary;
  private RunFolder run;
  private CheckpointStore store;
  private final FakeBackend backend = new FakeBackend(false);
  private final ParameterLayout layout = new ParameterLayout(TEXTBOOK);
  private final OptimizerState state = backend.state(layout);

  @BeforeEach
  void open() {
    run = RunFolder.create(temporary.resolve("run"));
    store = new CheckpointStore(run);
  }

  @AfterEach
  void close() {
    run.close();
    backend.close();
  }

  static CheckpointInfo info(long step, double validationLoss) {
    return new CheckpointInfo(
        new TrainerState(
            step,
            3,
            5,
            step * 512,
            step - 1,
            6.25,
            2,
            1,
            new LossScale(0x1p-9f, (int) step),
            new GuardState(
                List.of(1 / 3.0, Math.PI),
                List.of(-0.1, 1e-17),
                1,
                List.of(new DataSpan(2, 4, 3)))),
        0x8000_0000_0000_0001L,
        135,
        27,
        validationLoss,
        "abc");
  }

  private Path save(long step) {
    return save(step, Double.NaN, 0);
  }

  private Path save(long step, double validationLoss, int keep) {
    backend.fill(layout, state, step);
    return store.save(backend, layout, state, info(step, validationLoss), keep);
  }

  private static List<String> names(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void restoresEveryBitAndTheState(boolean device) {
    for (GptConfig config : List.of(TEXTBOOK, GPT2)) {
      ParameterLayout shape = new ParameterLayout(config);
      try (FakeBackend memory = new FakeBackend(device)) {
        OptimizerState saved = memory.state(shape);
        memory.fill(shape, saved, 42);
        store.save(memory, shape, saved, info(42, 6.5), 0);
        OptimizerState loaded = memory.state(shape);
        memory.fill(shape, loaded, 7);
        Checkpoint checkpoint = Checkpoints.open(run.path(), 42);
        checkpoint.read(memory, shape, loaded);
        assertArrayEquals(memory.bytes(saved.parameters()), memory.bytes(loaded.parameters()));
        assertArrayEquals(memory.bytes(saved.firstMoment()), memory.bytes(loaded.firstMoment()));
        assertArrayEquals(memory.bytes(saved.secondMoment()), memory.bytes(loaded.secondMoment()));
        assertEquals(info(42, 6.5), checkpoint.info());
        assertEquals(config, checkpoint.config());
      }
    }
  }

  @Test
  void isTheFolderThatTransformersOpens() throws IOException {
    Path folder = save(40);
    assertEquals(
        List.of(
            "config.json",
            "manifest.json",
            "model.safetensors",
            "optimizer.safetensors",
            "tokenizer_config.json",
            "trainer.json"),
        names(folder));
    JsonNode config = new ObjectMapper().readTree(folder.resolve("config.json").toFile());
    assertEquals("gpt2", config.get("model_type").asText());
    assertEquals("GPT2LMHeadModel", config.get("architectures").get(0).asText());
    assertEquals(131, config.get("vocab_size").asInt());
    assertEquals(7, config.get("n_positions").asInt());
    assertEquals(20, config.get("n_embd").asInt());
    assertEquals(2, config.get("n_layer").asInt());
    assertEquals(4, config.get("n_head").asInt());
    assertEquals("gelu_new", config.get("activation_function").asText());
    assertEquals(1e-5, config.get("layer_norm_epsilon").asDouble());
    assertEquals("0.1", config.get("attn_pdrop").asText());
    assertFalse(config.get("tie_word_embeddings").asBoolean());
    assertFalse(config.get("qkv_bias").asBoolean());
    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("model.safetensors"))) {
      assertEquals("pt", file.metadata().get("format"));
      assertEquals(List.of(131L, 20L), file.tensor("transformer.wte.weight").shape());
      assertEquals(List.of(131L, 20L), file.tensor("lm_head.weight").shape());
      assertEquals(List.of(20L, 60L), file.tensor("transformer.h.1.attn.c_attn.weight").shape());
      assertEquals(List.of(60L), file.tensor("transformer.h.1.attn.c_attn.bias").shape());
      assertEquals(
          -1, file.bytes("transformer.h.1.attn.c_attn.bias").mismatch(zeros(240)), "bias is zero");
      assertEquals(2 + 2 * 12 + 2 + 1, file.tensors().size());
    }
    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("optimizer.safetensors"))) {
      assertEquals(List.of(131L, 20L), file.tensor("transformer.wte.weight.exp_avg").shape());
      assertEquals(List.of(20L), file.tensor("transformer.ln_f.bias.exp_avg_sq").shape());
    }
  }

  private static MemorySegment zeros(int bytes) {
    return MemorySegment.ofArray(new byte[bytes]);
  }

  @Test
  void sameStateSameBytes() throws IOException {
    Path first = save(40);
    Path copy = temporary.resolve("copy");
    Files.createDirectory(copy);
    for (String name : names(first)) {
      Files.copy(first.resolve(name), copy.resolve(name));
    }
    Path again = save(40); // replaces the one of the same number
    assertEquals(List.of("000040"), names(run.checkpoints()));
    for (String name : names(first)) {
      assertEquals(-1, Files.mismatch(copy.resolve(name), again.resolve(name)), name);
    }
  }

  @Test
  void keepsTheNewestAndTheBest() {
    double[] losses = {9, 7, 5, 5, 6, 6.5, Double.NaN};
    for (int i = 0; i < losses.length; i++) {
      save(10L * (i + 1), losses[i], 2);
    }
    assertEquals(List.of(30L, 60L, 70L), Checkpoints.list(run.path()));
    assertEquals(OptionalLong.of(30), Checkpoints.best(run.path()));
    assertEquals(OptionalLong.of(70), Checkpoints.latest(run.path()));
    save(80, 4, 1);
    assertEquals(List.of(80L), Checkpoints.list(run.path()));
    assertEquals(List.of("000080"), names(run.checkpoints()));
    save(1_000_000, Double.NaN, 0);
    assertEquals(List.of(80L, 1_000_000L), Checkpoints.list(run.path()));
    store.discardAfter(80);
    assertEquals(List.of(80L), Checkpoints.list(run.path()));
  }

  @Test
  void truncationOfAnyFileIsToldWithTheLastGoodCheckpoint() throws IOException {
    for (String name : names(save(35))) {
      save(35);
      Path file = save(40).resolve(name);
      try (var channel = Files.newByteChannel(file, StandardOpenOption.WRITE)) {
        channel.truncate(channel.size() - 2);
      }
      GptException e = assertThrows(GptException.class, () -> Checkpoints.open(run.path(), 40));
      assertEquals(Failure.CHECKPOINT, e.failure());
      if (!name.equals("manifest.json")) {
        assertTrue(
            e.getMessage().startsWith("checkpoints/000040/" + name + " is truncated (it has "),
            e.getMessage());
        assertTrue(e.getMessage().contains("last good is 000035"), e.getMessage());
      }
      Files.delete(file);
      e = assertThrows(GptException.class, () -> Checkpoints.open(run.path(), 40));
      assertTrue(e.getMessage().contains(name + " is missing"), e.getMessage());
    }
  }

  @Test
  void aFlippedBitAnywhereIsFound() throws IOException {
    Path folder = save(40);
    Random random = new Random(11);
    for (String name : names(folder)) {
      for (int trial = 0; trial < 20; trial++) {
        byte[] bytes = Files.readAllBytes(folder.resolve(name));
        byte[] flipped = bytes.clone();
        int at = random.nextInt(bytes.length);
        flipped[at] ^= (byte) (1 << random.nextInt(8));
        Files.write(folder.resolve(name), flipped);
        if (name.equals("manifest.json")) {
          // A manifest has no checksum; a flip either changes nothing that counts or is an error.
          opensOrFailsAsDamaged();
        } else {
          GptException e = assertThrows(GptException.class, () -> Checkpoints.open(run.path(), 40));
          assertEquals(Failure.CHECKPOINT, e.failure());
          assertTrue(e.getMessage().contains(name + " is damaged (its CRC-32C"), e.getMessage());
          assertTrue(e.getMessage().contains("no other checkpoint of this run is good"));
        }
        Files.write(folder.resolve(name), bytes);
      }
    }
    Checkpoints.open(run.path(), 40);
  }

  private void opensOrFailsAsDamaged() {
    try {
      assertEquals(info(40, Double.NaN), Checkpoints.open(run.path(), 40).info());
    } catch (GptException e) {
      assertEquals(Failure.CHECKPOINT, e.failure());
    }
  }

  @Test
  void checkpointsOfOtherVersionsAreRefused() throws IOException {
    Path folder = save(40);
    Path file = folder.resolve("trainer.json");
    ObjectNode info = (ObjectNode) new ObjectMapper().readTree(file.toFile());
    ((ObjectNode) info.get("random")).put("layout", 99);
    rewrite(folder, info);
    GptException e = assertThrows(GptException.class, () -> Checkpoints.open(run.path(), 40));
    assertTrue(e.getMessage().contains("random streams of layout 99"), e.getMessage());
    rewrite(folder, info.put("version", 2));
    e = assertThrows(GptException.class, () -> Checkpoints.open(run.path(), 40));
    assertTrue(e.getMessage().contains("version 2"), e.getMessage());
  }

  private static void rewrite(Path folder, ObjectNode info) throws IOException {
    try {
      Manifest old = Manifest.read(folder);
      Manifest.Entry entry = Manifest.write(folder, "trainer.json", info);
      new Manifest(
              old.files().stream().map(f -> f.name().equals(entry.name()) ? entry : f).toList())
          .write(folder);
    } catch (Manifest.Malformed e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void cleansUpAfterKilledSaves() throws IOException {
    save(35);
    save(36);
    Path checkpoints = run.checkpoints();
    Files.move(checkpoints.resolve("000036"), checkpoints.resolve(".old-000036"));
    Files.createDirectories(checkpoints.resolve(".tmp-000037-99"));
    Files.writeString(checkpoints.resolve(".tmp-000037-99/model.safetensors"), "half");
    Files.createDirectories(checkpoints.resolve(".tmp-gone-000030"));
    Files.createDirectories(checkpoints.resolve(".old-000035"));
    assertEquals(List.of(35L), Checkpoints.list(run.path()));
    run.close();
    run = RunFolder.open(run.path());
    assertEquals(List.of("000035", "000036"), names(checkpoints));
    Checkpoints.open(run.path(), 36);
  }

  @Test
  void aFullDiskLeavesEverythingAsItWas() {
    save(35);
    CheckpointStore full = new CheckpointStore(run, folder -> 1_000_000);
    GptException e =
        assertThrows(
            GptException.class, () -> full.save(backend, layout, state, info(40, Double.NaN), 1));
    assertEquals(Failure.CAPACITY, e.failure());
    assertTrue(e.getMessage().contains("000040: it needs 4 MB"), e.getMessage());
    assertTrue(e.getMessage().contains("1 MB free"), e.getMessage());
    assertTrue(e.getMessage().contains("from checkpoint 000035 with: gpt resume"), e.getMessage());
    assertEquals(List.of("000035"), names(run.checkpoints()));
    Checkpoints.open(run.path(), 35);
  }

  @Test
  void modelsAreFoundByRunByCheckpointAndByFolder() throws IOException {
    GptException e =
        assertThrows(GptException.class, () -> Checkpoints.openModel(run.path()).close());
    assertTrue(e.getMessage().contains("has no checkpoint"), e.getMessage());
    save(5);
    Path newest = save(10);
    Path bare = Files.createDirectory(temporary.resolve("bare"));
    for (String name : List.of("config.json", "model.safetensors")) {
      Files.copy(newest.resolve(name), bare.resolve(name));
    }
    OptimizerState loaded = backend.state(layout);
    for (Path path : List.of(run.path(), newest, bare)) {
      backend.fill(layout, loaded, 5);
      try (ModelFolder model = Checkpoints.openModel(path)) {
        model.read(new FlatParameters(backend, layout, loaded.parameters()));
      }
      assertArrayEquals(backend.bytes(state.parameters()), backend.bytes(loaded.parameters()));
    }
    Files.writeString(newest.resolve("trainer.json"), "{}");
    for (Path path : List.of(run.path(), newest)) {
      e = assertThrows(GptException.class, () -> Checkpoints.openModel(path).close());
      assertTrue(e.getMessage().contains("trainer.json is truncated"), e.getMessage());
    }
  }

  @Test
  void namesTheCheckpointsThatThereAre() {
    GptException e = assertThrows(GptException.class, () -> Checkpoints.open(run.path(), 1));
    assertEquals(Failure.USAGE, e.failure());
    save(5);
    save(10);
    e = assertThrows(GptException.class, () -> Checkpoints.open(run.path(), 7));
    assertTrue(e.getMessage().endsWith("it has 000005, 000010"), e.getMessage());
  }
}
