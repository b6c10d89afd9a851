package io.gptjava.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.cli.config.Presets;
import io.gptjava.cli.config.Settings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class GptCommandLineTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "train --batchsize 4; 2; Unknown option --batchsize; did you mean --batch-size?",
        "train --no-shufle; 2; did you mean --no-shuffle?",
        "train --data none.txt --batchsize 4; 2; Unknown option --batchsize; did you mean",
        "train --data --steps 4; 2; Missing required parameter for option '--data' (PATH)",
        "evaluate none --data x --batchsize 4; 2; Unknown option --batchsize; did you mean",
        "plot none --out x.svg --learningrate; 2; did you mean --learning-rate?",
        "train --beta2 1; 2; --beta2 1 must be less than 1",
        "tran; 2; Unknown command tran; did you mean train?",
        "train --lr; 2; --lr",
        "train --lr fast; 2; --lr fast is not a number",
        "train --steps 1 --tokens 1; 2; contradict",
        "train --config none.yaml; 2; there is no such file",
        "train --width 100 --heads 3; 2; --width 100 is not divisible by --heads 3",
        "train --precision fp16; 4; --precision fp16",
        "train --backend cuda; 4; --backend cuda cannot run here",
        "train --data none.txt; 3; none.txt does not exist",
        "train --init-from none; 7; none does not exist",
        "resume none; 7; none does not exist",
        "generate none --prompt x; 7; none does not exist",
        "generate none; 2; --prompt",
        "generate none --prompt x --top-p 2; 2; --top-p",
        "evaluate none --data x; 7; none does not exist",
        "tokenize none.txt --out x; 3; none.txt does not exist",
        "import hf none --out x; 7; none does not exist",
        "import gguf none --out x; 2; expected one of [hf, openai, llmc]",
        "import llmc none; 2; --out",
        "export none hf --out x; 7; none does not exist",
        "export none hf; 2; --out",
        "export none onnx --out x; 2; expected one of [hf, llmc]",
        "export none hf --dtype int8 --out x; 2; expected one of [fp32, fp16, bf16]",
        "plot none; 3; metrics.jsonl",
        "plot none --html; 3; metrics.jsonl",
        "plot a b; 2; 2 runs need a place for their chart; add --out FILE",
        "plot a --html --out x.svg; 2; --html writes a page",
        "compare none none; 3; metrics.jsonl",
        "compare none; 2; RUN_B",
        "train --watch 70000; 2; --watch 70000 is not a port",
        "inspect none; 3; none does not exist",
        "bench; 2; gpt bench train",
        "bench trian; 2; did you mean train?",
        "bench train --steps 0; 2; --steps 0",
        "bench memory --memory 0; 2; --memory 0.0 must be more than 0 GiB",
        "bench memory --dropout 0; 2; Unknown option --dropout",
        "bench train --lr 1; 2; Unknown option --lr",
        "bench train --backend cuda; 4; --backend cuda cannot run here",
        "'' ; 2; Unknown command",
      })
  void wrongInputHasItsExitCodeAndAShortMessage(String line, int code, String message) {
    Cli cli = Cli.run(line.replace("''", "").split(" "));
    assertEquals(code, cli.code(), cli.err());
    assertTrue(cli.err().contains(message.split(";")[0]), cli.err());
    long lines = cli.err().lines().count();
    assertTrue(lines >= 1 && lines <= 3, cli.err());
    assertFalse(cli.err().contains("\tat "), cli.err());
  }

  @Test
  void debugAddsTheStackTrace() {
    Cli cli = Cli.run("train", "--data", "none.txt", "--debug");
    assertEquals(3, cli.code());
    assertTrue(cli.err().contains("\tat io.gptjava"), cli.err());
  }

  @Test
  void unknownVariableIsAUsageError() {
    Cli cli = Cli.run(Map.of("GPT_STEP", "3"), "train", "--dry-run");
    assertEquals(2, cli.code());
    assertTrue(cli.err().contains("did you mean GPT_STEPS"), cli.err());
  }

  @Test
  void existingOutIsAUsageError() {
    Cli cli = Cli.run("train", "--out", folder.toString());
    assertEquals(2, cli.code());
    assertTrue(cli.err().contains("exists"), cli.err());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "train",
        "resume",
        "generate",
        "evaluate",
        "tokenize",
        "data",
        "plot",
        "compare",
        "inspect",
        "doctor",
        "verify-resume",
        "bench",
        "completion"
      })
  void everyCommandExplainsItself(String command) {
    Cli root = Cli.run("--help");
    assertEquals(0, root.code());
    assertTrue(root.out().contains("  " + command), root.out());
    Cli cli = Cli.run(command, "--help");
    assertEquals(0, cli.code(), cli.err());
    assertTrue(cli.out().startsWith("Usage: gpt " + command), cli.out());
    assertEquals("", cli.err());
  }

  @Test
  void trainHelpListsEverySetting() {
    String help = Cli.run("train", "--help").out();
    Settings.withFlags()
        .forEach(
            setting ->
                assertTrue(
                    help.contains(setting.flag()) || help.contains("--[no-]" + setting.key()),
                    setting.flag()));
  }

  @Test
  void dryRunShowsOriginsAndMemoryAndWritesNothing() {
    Path out = folder.resolve("run");
    Cli cli =
        Cli.run(
            Map.of("GPT_HEADS", "2"),
            "train",
            "--dry-run",
            "--no-shuffle",
            "--layers",
            "1",
            "--width",
            "32",
            "--out",
            out.toString());
    assertEquals(0, cli.code(), cli.err());
    assertTrue(line(cli.out(), "shuffle ").endsWith("flag"), cli.out());
    assertTrue(line(cli.out(), "heads ").endsWith("environment GPT_HEADS"), cli.out());
    assertTrue(line(cli.out(), "lr ").endsWith("preset story"), cli.out());
    assertTrue(cli.out().contains("Model parameters: 3,231,264"), cli.out());
    assertTrue(line(cli.out(), "  total").contains("MiB"), cli.out());
    assertTrue(line(cli.out(), "  h.0").matches("  h\\.0( +[\\d.]+){4}"), cli.out());
    assertTrue(cli.out().contains("GiB available; largest --batch-size of 64 tokens"), cli.out());
    assertFalse(out.toFile().exists());
  }

  @Test
  void benchMemoryPlansWhatNoMachineHere() throws IOException {
    String[] command = {
      "bench", "memory", "--preset", "gpt2-1558m", "--precision", "bf16", "--memory", "80"
    };
    Cli text = Cli.run(command);
    assertEquals(0, text.code(), text.err());
    assertTrue(
        text.out().startsWith("1,557,611,200 parameters, 1 × 1024 tokens, bf16"), text.out());
    assertTrue(line(text.out(), "  h.0 … h.47, each").contains("."), text.out());
    List<String> words = new ArrayList<>(List.of(command));
    words.add("--json");
    Cli json = Cli.run(words.toArray(String[]::new));
    assertEquals(0, json.code(), json.err());
    JsonNode root = new ObjectMapper().readTree(json.out());
    long roles = 0;
    for (JsonNode bytes : root.get("role_bytes")) {
      roles += bytes.asLong();
    }
    assertEquals(root.get("total_bytes").asLong(), roles);
    assertEquals(9, root.get("choices").size());
    int none = root.at("/choices/3/largest_batch_size").asInt();
    int block = root.at("/choices/5/largest_batch_size").asInt();
    assertTrue(none > 1 && block > 5 * none, json.out());
  }

  private static String line(String text, String start) {
    return text.lines().filter(line -> line.startsWith(start)).findFirst().orElseThrow();
  }

  @Test
  void pathsOfOneFlagAddUp() {
    Cli cli = Cli.run("train", "--dry-run", "--data", "a", "b", "--steps", "1", "--data=c");
    assertEquals(3, cli.code(), cli.err());
    assertTrue(line(cli.out(), "data ").matches("data +a b c +flag"), cli.out());
  }

  @Test
  void listPresetsNamesAll() {
    Cli cli = Cli.run("train", "--list-presets");
    assertEquals(0, cli.code());
    List<String> listed =
        cli.out()
            .lines()
            .filter(line -> line.startsWith("preset: "))
            .map(line -> line.substring("preset: ".length()))
            .toList();
    assertEquals(Presets.NAMES, listed);
  }

  @Test
  void versionAndCompletion() {
    assertTrue(Cli.run("--version").out().startsWith("gpt-java "));
    Cli completion = Cli.run("completion");
    assertEquals(0, completion.code());
    assertTrue(completion.out().contains("--total-batch-tokens"));
  }

  @Test
  void doctorTellsTheTruthAboutBackends() {
    Cli cli = Cli.run("doctor");
    assertEquals(0, cli.code());
    assertTrue(line(cli.out(), "backend cpu").contains("found"), cli.out());
    assertTrue(line(cli.out(), "backend cuda").contains("missing: "), cli.out());
    assertTrue(line(cli.out(), "bf16 on the CPU").contains("oneDNN"), cli.out());
  }
}
