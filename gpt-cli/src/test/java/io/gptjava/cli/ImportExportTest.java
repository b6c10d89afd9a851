package io.gptjava.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.core.GptConfig;
import io.gptjava.core.safetensors.SafetensorsWriter;
import io.gptjava.core.safetensors.StoredType;
import io.gptjava.train.model.ParameterLayout;
import io.gptjava.train.model.ParameterLayout.Parameter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models that come into the program and leave it again. */
final class ImportExportTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;

  private Cli run(String line) {
    return Cli.run(line.replace("@", folder + "/").split(" "));
  }

  private String out(String line) {
    Cli cli = run(line);
    assertEquals(0, cli.code(), cli.err());
    return cli.out();
  }

  private void refused(int code, String reason, String line) {
    Cli cli = run(line);
    assertEquals(code, cli.code(), cli.err());
    assertTrue(cli.err().contains(reason), cli.err());
    assertTrue(cli.err().lines().count() <= 3, cli.err());
    assertTrue(cli.out().isEmpty(), cli.out());
  }

  /** Somebody's model of GPT-2's vocabulary, width 4 and one layer. */
  private void model(boolean tied, boolean qkvBias) throws IOException {
    Path model = Files.createDirectory(folder.resolve("theirs"));
    Files.writeString(
        model.resolve("config.json"),
        """
        {"model_type": "gpt2", "n_embd": 4, "n_head": 2, "n_layer": 1, "n_positions": 8,
         "vocab_size": 50257, "resid_pdrop": 0, "tie_word_embeddings": %b, "qkv_bias": %b}
        """
            .formatted(tied, qkvBias));
    Random random = new Random(1);
    List<SafetensorsWriter.Item> items = new ArrayList<>();
    GptConfig config = new GptConfig(50_257, 8, 4, 1, 2, 0, qkvBias, tied);
    for (Parameter parameter : new ParameterLayout(config).parameters()) {
      float[] values = new float[(int) parameter.logicalCount()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextGaussian();
      }
      items.add(
          new SafetensorsWriter.Item(
              parameter.name(),
              StoredType.F32,
              parameter.logicalShape().stream().mapToLong(Long::longValue).toArray(),
              MemorySegment.ofArray(values)));
    }
    SafetensorsWriter.write(model.resolve("model.safetensors"), Map.of("format", "pt"), items);
  }

  private void assertSameWeights(String one, String other) throws IOException {
    assertEquals(
        -1,
        Files.mismatch(
            folder.resolve(one + "/model.safetensors"),
            folder.resolve(other + "/model.safetensors")));
  }

  @Test
  void aTiedModelGoesThroughEveryFormat() throws IOException {
    model(true, true);
    Cli imported = run("import hf @theirs --out @ours");
    assertEquals(0, imported.code(), imported.err());
    assertTrue(imported.out().contains("201,312 parameters (1 layers, 2 heads"), imported.out());
    assertTrue(imported.err().contains("./gpt generate " + folder.resolve("ours")));
    assertSameWeights("theirs", "ours");
    assertTrue(out("inspect @ours").contains("weights only, checksums right"));

    String exported = out("export @ours hf --out @models/hf --backend cpu");
    assertTrue(
        exported.contains("as fp32; reopened, largest logit difference 0.00 over 8 tokens"),
        exported);
    assertSameWeights("theirs", "models/hf");
    String greedy = " --prompt Hello --max-new-tokens 4 --temperature 0 --backend cpu";
    assertEquals(out("generate @theirs" + greedy), out("generate @models/hf" + greedy));

    out("export @ours llmc --out @model.bin --backend reference");
    assertTrue(out("inspect @model.bin").contains("checkpoint of llm.c, F32"));
    JsonNode json = JSON.readTree(out("import llmc @model.bin --out @back --json"));
    assertEquals(201_312, json.get("parameters").intValue());
    assertEquals(50_257, json.get("vocab_size").intValue());
    assertEquals(8, json.get("context_length").intValue());
    assertTrue(json.get("tie_embeddings").booleanValue());
    assertSameWeights("theirs", "back");
  }

  @Test
  void theTextbooksShapeIsAGpt2WithItsOwnHead() throws IOException {
    model(false, false);
    JsonNode json =
        JSON.readTree(out("export @theirs hf --out @hf --dtype bf16 --json --backend cpu"));
    assertEquals("bf16", json.get("dtype").textValue());
    assertEquals(8, json.get("compared_tokens").intValue());
    double difference = json.get("max_logit_difference").doubleValue();
    assertTrue(difference > 0 && difference < 0.5, "difference " + difference);
    JsonNode config = JSON.readTree(folder.resolve("hf/config.json").toFile());
    assertFalse(config.get("tie_word_embeddings").booleanValue());
    refused(2, "llm.c has no head of its own", "export @theirs llmc --out @model.bin");
    assertFalse(Files.exists(folder.resolve("model.bin")));
  }

  @Test
  void whatIsRefusedLeavesNothing() throws IOException {
    model(true, true);
    refused(2, "already exists", "export @theirs hf --out @theirs");
    refused(2, "already exists", "import hf @theirs --out @theirs");
    refused(2, "llm.c stores fp32 or bf16", "export @theirs llmc --dtype fp16 --out @model.bin");
    refused(7, "hparams.json", "import openai @theirs --out @nothing");
    Path weights = folder.resolve("theirs/model.safetensors");
    refused(7, "it begins with", "import llmc " + weights + " --out @nothing");
    byte[] bytes = Files.readAllBytes(weights);
    Files.write(weights, Arrays.copyOf(bytes, bytes.length / 2));
    refused(7, "is truncated", "import hf @theirs --out @nothing");
    refused(7, "is truncated", "export @theirs hf --out @nothing");
    Files.delete(folder.resolve("theirs/config.json"));
    refused(7, "is not a model", "import hf @theirs --out @nothing");
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(List.of(folder.resolve("theirs")), left.toList());
    }
  }
}
