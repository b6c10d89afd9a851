package io.gptjava.train.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.train.formats.ModelBytes.Type;
import io.gptjava.train.model.ParameterLayout;
import io.gptjava.train.model.ParameterLayout.Parameter;
import io.gptjava.train.run.ModelFolder;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damages files at random places, always the same ones, and opens them: whatever happens, it is
 * told as a damaged model, and without much memory. {@code gpt.fuzz.millis} is the time for each
 * file; a failure names the round, which alone decides the damage.
 */
class ModelFuzzTest {
  private static final int MILLIS = Integer.getInteger("gpt.fuzz.millis", 300);
  private static final int FEWEST_ROUNDS = 20;
  private static final long MOST_HEAP = 64_000_000;

  private static final ArrayWeights WEIGHTS =
      ArrayWeights.random(new GptConfig(13, 4, 4, 2, 2, 0.1f, true, true), 1);

  @TempDir Path folder;

  /** Opens what may be damaged. */
  private interface Opener {
    ModelWeights open(Path path);
  }

  private void fuzz(Path file, UnaryOperator<byte[]> afterwards, Opener opener, Path model)
      throws Exception {
    byte[] whole = Files.readAllBytes(file);
    try (ModelWeights weights = opener.open(model)) {
      WEIGHTS.assertSame(weights);
    }
    long end = System.nanoTime() + MILLIS * 1_000_000L;
    int refused = 0;
    int round = 0;
    for (; round < FEWEST_ROUNDS || System.nanoTime() < end; round++) {
      byte[] damaged = afterwards.apply(Mutation.of(whole, new Random(round)));
      Files.write(file, damaged);
      try {
        Allocation.assertBelow(MOST_HEAP, () -> readAll(opener, model));
      } catch (GptException e) {
        refused++;
        assertEquals(Failure.CHECKPOINT, e.failure(), "round " + round);
        assertTrue(e.getMessage().lines().count() <= 3, e.getMessage());
        assertTrue(e.getMessage().length() < 2000, e.getMessage());
      } catch (Throwable e) {
        throw new AssertionError("round " + round, e);
      }
    }
    assertTrue(refused > 0, "none of %d rounds was refused".formatted(round));
  }

  private static void readAll(Opener opener, Path model) {
    try (ModelWeights weights = opener.open(model);
        Arena arena = Arena.ofConfined()) {
      for (Parameter parameter : new ParameterLayout(weights.config()).parameters()) {
        weights.copy(parameter, arena.allocate(parameter.logicalCount() * Float.BYTES));
      }
    }
  }

  @Test
  void safetensors() throws Exception {
    ModelBytes.huggingFace(folder, WEIGHTS, ModelBytes.gpt2(WEIGHTS, Type.F32));
    Path file = folder.resolve("model.safetensors");
    fuzz(file, bytes -> bytes, ModelFolder::open, folder);
  }

  @Test
  void configurations() throws Exception {
    ModelBytes.huggingFace(folder, WEIGHTS, ModelBytes.gpt2(WEIGHTS, Type.F32));
    fuzz(folder.resolve("config.json"), bytes -> bytes, ModelFolder::open, folder);
  }

  @Test
  void listsOfShards() throws Exception {
    var tensors = ModelBytes.gpt2(WEIGHTS, Type.F32);
    ModelBytes.huggingFace(folder, WEIGHTS, tensors);
    Files.move(folder.resolve("model.safetensors"), folder.resolve("m.safetensors"));
    StringBuilder map = new StringBuilder();
    tensors
        .keySet()
        .forEach(
            name ->
                map.append(map.isEmpty() ? "" : ", ")
                    .append("\"%s\": \"m.safetensors\"".formatted(name)));
    Path index = folder.resolve("model.safetensors.index.json");
    Files.writeString(index, "{\"weight_map\": {" + map + "}}");
    fuzz(index, bytes -> bytes, ModelFolder::open, folder);
  }

  @Test
  void llmc() throws Exception {
    Path file = folder.resolve("model.bin");
    Files.write(file, ModelBytes.llmc(WEIGHTS, Type.F32));
    fuzz(file, bytes -> bytes, LlmcCheckpoint::open, file);
  }

  @Test
  void tensorFlowIndex() throws Exception {
    openAi("model.ckpt.index", bytes -> bytes);
  }

  /** Beyond the checksums, what they protect must not be trusted either. */
  @Test
  void tensorFlowIndexWithRightChecksums() throws Exception {
    BundleBytes bundle = BundleBytes.of(WEIGHTS);
    int length = bundle.index().length;
    openAi(
        "model.ckpt.index",
        bytes -> {
          if (bytes.length == length) {
            bundle.repair(bytes);
          }
          return bytes;
        });
  }

  @Test
  void tensorFlowData() throws Exception {
    openAi("model.ckpt.data-00000-of-00001", bytes -> bytes);
  }

  @Test
  void openAiShapes() throws Exception {
    openAi("hparams.json", bytes -> bytes);
  }

  @Test
  void openAiPointers() throws Exception {
    openAi("checkpoint", bytes -> bytes);
  }

  private void openAi(String name, UnaryOperator<byte[]> afterwards) throws Exception {
    BundleBytes.of(WEIGHTS).write(folder, WEIGHTS);
    fuzz(folder.resolve(name), afterwards, OpenAiCheckpoint::open, folder);
  }
}
