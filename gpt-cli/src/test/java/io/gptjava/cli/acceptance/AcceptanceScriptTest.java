package io.gptjava.cli.acceptance;

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
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The scripts of {@code benchmarks/gpu} go through here with tiny sizes and without a GPU, so that
 * they still work on the day that there is one.
 */
final class AcceptanceScriptTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  @TempDir private static Path folder;
  private static Path bundle;

  /** What a process did; standard error is part of the output. */
  private record Ended(int code, String output) {}

  @BeforeAll
  static void makeBundle() throws IOException {
    assumeTrue(Files.isExecutable(Path.of("/bin/bash")), "no bash: the scripts cannot run");
    bundle = folder.resolve("bundle");
    AcceptanceBundle.make(ROOT, bundle);
  }

  /** The folder's clean-up would warn about a link that leads out of it. */
  @AfterAll
  static void dropLink() throws IOException {
    if (bundle != null) {
      Files.deleteIfExists(bundle.resolve("runtime"));
    }
  }

  private static Ended run(Object... command) throws Exception {
    List<String> words = new ArrayList<>();
    for (Object word : command) {
      words.add(word.toString());
    }
    ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true);
    builder.directory(folder.toFile());
    builder.environment().remove("OUT");
    // Not this machine's GPU, if it has one, nor its PyTorch.
    builder.environment().put("GPT_CUDA_LIBRARY", "/nonexistent");
    builder.environment().put("PEER_PYTHON", "/nonexistent/python3");
    Process process = builder.start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes());
    return new Ended(process.waitFor(), output);
  }

  private static Map<String, JsonNode> steps(Path out) throws IOException {
    JsonNode root = new ObjectMapper().readTree(out.resolve("acceptance.json").toFile());
    return StreamSupport.stream(root.at("/runs/0/steps").spliterator(), false)
        .collect(Collectors.toMap(step -> step.path("name").asText(), step -> step));
  }

  @Test
  void everyStepGoesThrough() throws Exception {
    Path text = ROOT.resolve("gpt-train/src/main/resources/io/gptjava/train/story.txt");
    Path out = folder.resolve("out");
    Ended ended =
        run(
            "bash",
            bundle.resolve("acceptance.sh"),
            "--device",
            "none",
            "--tiny",
            "--rounds",
            1,
            "--batches",
            "2",
            "--text",
            text,
            "--out",
            out);
    assertEquals(0, ended.code, ended.output);
    Map<String, JsonNode> steps = steps(out);
    for (String name :
        List.of("machine", "doctor", "contract", "parity", "kernels", "train", "textbook")) {
      assertEquals("passed", steps.get(name).path("status").asText(), name + ended.output);
    }
    for (String name : List.of("training", "sanitizer", "peers")) {
      assertEquals("skipped", steps.get(name).path("status").asText(), name);
      assertTrue(steps.get(name).path("reason").asText().length() > 10, name);
    }
    assertTrue(steps.get("contract").at("/figures/tests/passed").asInt() > 0, ended.output);
    assertEquals(0, steps.get("contract").at("/figures/tests/failed").asInt());
    assertEquals(2, steps.get("parity").at("/figures/fp32/steps").asInt());
    assertTrue(steps.get("parity").at("/figures/fp32/holds").asBoolean());
    assertEquals(5, steps.get("kernels").at("/figures/kernels/kernels").size());
    assertEquals(1, steps.get("train").at("/figures/ours").size());
    assertTrue(steps.get("textbook").at("/figures/textbook/last_step").asText().contains("loss"));
    String markdown = Files.readString(out.resolve("acceptance.md"));
    assertTrue(markdown.contains("commit abc123"), markdown);
    assertTrue(markdown.contains("Nothing here is a timing of a GPU"), markdown);
    assertTrue(markdown.contains("| adamW | 1 |"), markdown);
    assertTrue(markdown.contains("| 2 | gpt-java | 1 |"), markdown);
    assertTrue(markdown.contains("bin/gpt train --layers 1"), markdown);
    assertTrue(Files.size(out.resolve("acceptance-logs.tar.gz")) > 0);

    Ended merged =
        run(
            "bash",
            bundle.resolve("acceptance.sh"),
            "--merge",
            folder.resolve("merged"),
            out.resolve("acceptance.json"),
            out.resolve("acceptance.json"));
    assertEquals(0, merged.code, merged.output);
    JsonNode both = new ObjectMapper().readTree(folder.resolve("merged/acceptance.json").toFile());
    assertEquals(2, both.path("runs").size());
  }

  @Test
  void failedStepDoesNotStopTheNext() throws Exception {
    Path text = Files.writeString(folder.resolve("short.txt"), "x");
    Path out = folder.resolve("failed");
    Ended ended =
        run(
            "bash",
            bundle.resolve("acceptance.sh"),
            "--device",
            "none",
            "--tiny",
            "--steps",
            "textbook,machine",
            "--text",
            text,
            "--out",
            out);
    assertEquals(1, ended.code, ended.output);
    Map<String, JsonNode> steps = steps(out);
    assertEquals("failed", steps.get("textbook").path("status").asText());
    assertEquals(3, steps.get("textbook").path("exit_code").asInt());
    assertTrue(steps.get("textbook").path("reason").asText().length() > 10);
    assertEquals("passed", steps.get("machine").path("status").asText());
  }

  @Test
  void spentBudgetIsSaid() throws Exception {
    Path out = folder.resolve("budget");
    Ended ended =
        run(
            "bash",
            bundle.resolve("acceptance.sh"),
            "--device",
            "none",
            "--budget",
            1,
            "--steps",
            "doctor",
            "--out",
            out);
    assertEquals(0, ended.code, ended.output);
    assertEquals("skipped", steps(out).get("doctor").path("status").asText());
    assertTrue(ended.output.contains("the budget of 1 s is used up"), ended.output);
  }

  @Test
  void wrongArgumentsAreRefused() throws Exception {
    Path script = bundle.resolve("acceptance.sh");
    assertEquals(2, run("bash", script, "--no-such-flag").code);
    Ended step = run("bash", script, "--steps", "doctor,nothing");
    assertEquals(1, step.code);
    assertTrue(step.output.contains("no step nothing"), step.output);
    Ended misplaced = run("bash", ROOT.resolve("benchmarks/gpu/acceptance.sh"));
    assertEquals(1, misplaced.code);
    assertTrue(misplaced.output.contains("bundle.sh"), misplaced.output);
  }

  /** What a build makes after its tests is not looked for. */
  @Test
  void whatTheBundlePacksIsThere() throws Exception {
    Path script = ROOT.resolve("benchmarks/gpu/bundle.sh");
    assertEquals(new Ended(0, ""), run("bash", "-n", script));
    Ended list = run("bash", script, "--list");
    assertEquals(0, list.code, list.output);
    assertTrue(list.output.lines().count() > 10, list.output);
    for (String path : list.output.lines().toList()) {
      if (!path.startsWith("gpt-cli/target/")) {
        assertTrue(Files.exists(ROOT.resolve(path)), path);
      }
    }
  }

  @Test
  void peerSaysWhatIsMissing() throws Exception {
    Path script = bundle.resolve("pytorch_gpt2.py");
    boolean python = run("bash", "-c", "command -v python3").code == 0;
    assumeTrue(python, "no python3: the peer's script is not looked at");
    assertEquals(new Ended(0, ""), run("python3", "-m", "py_compile", script));
    assertEquals(1, run("python3", script, "--mode", "fast").code);
    Ended ended =
        run(
            "python3",
            script,
            "--device",
            "none",
            "--layers",
            "1",
            "--width",
            "32",
            "--heads",
            "2",
            "--sequence-length",
            "8",
            "--batch-size",
            "1",
            "--mode",
            "eager",
            "--attention",
            "math",
            "--steps",
            "2",
            "--warmup",
            "1");
    JsonNode line = new ObjectMapper().readTree(ended.output.lines().toList().getLast());
    // With PyTorch it trains; without, it says so.
    assertTrue(
        ended.code == 0 && line.path("tokens_per_second").asDouble() > 0
            || ended.code == 4 && line.path("error").asText().contains("PyTorch is missing"),
        ended.output);
  }
}
