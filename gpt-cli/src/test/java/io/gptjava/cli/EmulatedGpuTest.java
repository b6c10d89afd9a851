package io.gptjava.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command line on the emulated GPU. */
final class EmulatedGpuTest {
  @TempDir private Path folder;
  private Map<String, String> environment;
  private Path text;

  @BeforeEach
  void find() throws IOException {
    Path emulator = Path.of(System.getProperty("gpt.cuda.emulator", "")).toAbsolutePath();
    assumeTrue(
        Files.isRegularFile(emulator),
        () -> "no CUDA emulator at " + emulator + ": the build makes it where g++ and make are");
    environment =
        Map.of(
            "GPT_CUDA_LIBRARY",
            emulator.normalize().toString(),
            "XDG_CACHE_HOME",
            folder.resolve("cache").toString());
    text = folder.resolve("text.txt");
    Files.writeString(text, "The keeper climbed the stairs and lit the lamp. ".repeat(4));
  }

  private Cli run(String command, String... more) {
    List<String> arguments = new ArrayList<>(List.of(command));
    arguments.addAll(List.of(more));
    return Cli.run(environment, arguments.toArray(String[]::new));
  }

  private Cli train(Path out, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "--backend",
                "cuda",
                "--data",
                text.toString(),
                "--out",
                out.toString(),
                "--layers",
                "1",
                "--heads",
                "1",
                "--width",
                "32",
                "--context-length",
                "1",
                "--batch-size",
                "1",
                "--sample-every",
                "0",
                "--eval-every",
                "0"));
    arguments.addAll(List.of(more));
    if (!arguments.contains("--precision")) {
      arguments.addAll(List.of("--precision", "fp16"));
    }
    return run("train", arguments.toArray(String[]::new));
  }

  /** The only target of the first step overflows fp16 at the first scale. */
  @Test
  void trainsAndResumesInFp16() throws IOException {
    Path out = folder.resolve("run");
    Cli train = train(out, "--steps", "6", "--save-every", "3");
    assertEquals(0, train.code(), train.err());
    String told = "step 0: gradients beyond fp16, its update was skipped; loss scale now 32768";
    assertEquals(1, train.err().lines().filter(line -> line.contains(told)).count(), train.err());
    JsonNode before = trainer(out, 6);
    assertTrue(before.at("/scaler/scale").asDouble() <= 32_768, before.toString());
    Cli elsewhere = run("resume", out.toString(), "--from", "3", "--backend", "cpu");
    assertEquals(4, elsewhere.code(), elsewhere.err());
    assertTrue(elsewhere.err().startsWith("--precision fp16: the cpu backend"), elsewhere.err());
    Cli resume = run("resume", out.toString(), "--from", "3");
    assertEquals(0, resume.code(), resume.err());
    assertEquals(before, trainer(out, 6));
  }

  /** The first update makes weights of 10²⁰: finite masters, but no scale helps fp16. */
  @Test
  void anExhaustedScaleIsDivergence() {
    Cli train =
        train(folder.resolve("run"), "--steps", "50", "--lr", "1e20", "--warmup-steps", "0");
    assertEquals(6, train.code(), train.err());
    long skips = train.err().lines().filter(line -> line.contains("loss scale now")).count();
    assertEquals(31, skips, train.err()); // from 2¹⁶ to below 2⁻¹⁴
    assertTrue(train.err().contains("the loss scale fell to 3.0517578E-5"), train.err());
  }

  /**
   * What NVML reads is logged with every tenth step; a guard that sees no spike changes nothing.
   */
  @Test
  void readsTheGpuAndLooksBeforeItUpdates() throws IOException {
    Path plain = folder.resolve("plain");
    Path guarded = folder.resolve("guarded");
    String[] steps = {"--steps", "12", "--precision", "fp32"};
    String[] guard = {"--steps", "12", "--precision", "fp32", "--spike-guard", "skip"};
    assertEquals(0, train(plain, steps).code());
    assertEquals(0, train(guarded, guard).code());
    List<JsonNode> expected = steps(plain);
    List<JsonNode> actual = steps(guarded);
    assertEquals(12, expected.size());
    for (int i = 0; i < 12; i++) {
      assertEquals(expected.get(i).path("loss"), actual.get(i).path("loss"), "step " + i);
      assertEquals(i % 10 == 0, expected.get(i).has("gpu"), "step " + i);
    }
    JsonNode gpu = expected.getFirst().path("gpu");
    assertEquals(40, gpu.path("celsius").asInt());
    assertEquals(100, gpu.path("watts").asDouble());
    assertEquals(300, gpu.path("limit_watts").asDouble());
    assertEquals(1000, gpu.path("mhz").asInt());
    assertTrue(gpu.path("memory_bytes").asLong() > 0, gpu.toString());
  }

  private static List<JsonNode> steps(Path run) throws IOException {
    List<JsonNode> steps = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      JsonNode event = new ObjectMapper().readTree(line);
      if (event.path("event").asText().equals("step")) {
        steps.add(event);
      }
    }
    return steps;
  }

  private static JsonNode trainer(Path run, int step) throws IOException {
    Path file = run.resolve("checkpoints/%06d/trainer.json".formatted(step));
    return new ObjectMapper().readTree(file.toFile());
  }
}
