package io.gptjava.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The benchmark of training steps on a tiny model. */
final class BenchTrainTest {
  private static Cli bench(Map<String, String> environment, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "bench",
                "train",
                "--layers",
                "1",
                "--heads",
                "2",
                "--width",
                "8",
                "--context-length",
                "12",
                "--steps",
                "2",
                "--threads",
                "1"));
    arguments.addAll(List.of(more));
    return Cli.run(environment, arguments.toArray(String[]::new));
  }

  @Test
  void jsonHasWhatWasAskedAndWhatWasMeasured() throws Exception {
    Cli cli = bench(Map.of("GPT_SEED", "9"), "--batch-size", "3", "--json");
    assertEquals(0, cli.code(), cli.err());
    assertEquals("", cli.err());
    assertEquals(1, cli.out().lines().count());
    JsonNode result = new ObjectMapper().readTree(cli.out());
    JsonNode settings = result.path("settings");
    assertEquals(8, settings.path("width").asInt());
    assertEquals(3, settings.path("batch_size").asInt());
    assertEquals(12, settings.path("sequence_length").asInt());
    assertEquals(9, settings.path("seed").asLong());
    assertEquals(false, settings.path("tie_embeddings").asBoolean(), "the textbook's shape");
    assertEquals(2, result.path("steps").asInt());
    // 3 · 12 tokens in the median of two steps.
    double milliseconds = result.path("step_ms_median").asDouble();
    assertEquals(36e3 / milliseconds, result.path("tokens_per_second").asDouble(), 1e-6);
    assertEquals(Math.log(50_257), result.path("final_loss").asDouble(), 0.5);
    assertTrue(result.at("/environment/backend").asText().startsWith("CPU, 1 thread"), cli.out());
  }

  @Test
  void aStepIsWrittenAsATrace(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("step.json");
    Cli cli = bench(Map.of(), "--trace", file.toString());
    assertEquals(0, cli.code(), cli.err());
    assertEquals("wrote " + file + "\n", cli.err());
    JsonNode trace = new ObjectMapper().readTree(file.toFile());
    assertTrue(
        trace
            .path("traceEvents")
            .valueStream()
            .anyMatch(e -> e.path("name").asText().equals("adamW")));
    Cli nowhere = bench(Map.of(), "--trace", folder.resolve("no/step.json").toString());
    assertEquals(2, nowhere.code());
    assertTrue(nowhere.err().contains("its folder does not exist"), nowhere.err());
  }

  @Test
  void aSweepTimesEveryCombinationAndSkipsWhatDoesNotFit() throws Exception {
    Cli cli =
        bench(
            Map.of(),
            "--sweep",
            "batch-size=1,100000000",
            "--sweep",
            "sequence-length=6,12",
            "--json");
    assertEquals(0, cli.code(), cli.err());
    assertTrue(cli.err().contains("batch-size 1, sequence-length 12"), cli.err());
    JsonNode result = new ObjectMapper().readTree(cli.out());
    assertEquals(2, result.path("points").size());
    assertEquals(12, result.at("/points/1/settings/sequence_length").asInt());
    assertEquals(2, result.path("skipped").size());
    assertEquals(
        "batch-size 100000000, sequence-length 6",
        result.at("/skipped/0/name").asText(),
        cli.out());
    assertTrue(result.at("/skipped/0/reason").asText().contains("memory"), cli.out());
    JsonNode fit = result.at("/fits/0");
    double line =
        fit.path("us_per_token").asDouble() + 6 * fit.path("us_per_token_and_position").asDouble();
    double measured = fit.at("/points/0/us_per_token").asDouble();
    assertEquals(measured, line, 1e-9 * measured, "two points lie on their line");
  }

  @Test
  void aSweepRefusesWhatItCannotVary() {
    for (String wrong :
        List.of(
            "seed=1,2", "batch-size", "batch-size=1,1", "batch-size=one", "sequence-length=13")) {
      Cli cli = bench(Map.of(), "--sweep", wrong);
      assertEquals(2, cli.code(), cli.err());
      assertTrue(cli.err().contains(wrong.split("=")[0]), cli.err());
    }
    assertTrue(bench(Map.of(), "--sweep", "seed=1,2").err().contains("choose among"));
  }

  @Test
  void tablesOfAPresetWithFewerTokensAtOnce() {
    // Five does not divide the preset's 524,288 tokens a step.
    Cli cli = bench(Map.of(), "--preset", "gpt2-124m", "--batch-size", "5");
    assertEquals(0, cli.code(), cli.err());
    assertTrue(cli.out().startsWith("training step: 403,"), cli.out());
    assertTrue(cli.out().contains("5 x 12 tokens"), cli.out());
    for (String start : List.of("step ", "floor ", "ratio ", "matrix products", "ops within")) {
      assertTrue(cli.out().lines().anyMatch(line -> line.startsWith(start)), start);
    }
  }
}
