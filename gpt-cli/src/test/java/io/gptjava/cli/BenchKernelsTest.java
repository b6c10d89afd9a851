package io.gptjava.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.gptjava.core.Failure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The benchmark of single ops on tiny shapes, and its comparison with a baseline. */
final class BenchKernelsTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path temporary;

  /** Native libraries are unpacked once for all runs of a test. */
  private Cli bench(String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "bench",
                "kernels",
                "--backend",
                "cpu",
                "--layers",
                "1",
                "--heads",
                "2",
                "--width",
                "8",
                "--context-length",
                "12",
                "--batch-size",
                "2",
                "--threads",
                "1",
                "--quick",
                "--samples",
                "7",
                "--only",
                "gelu"));
    arguments.addAll(List.of(more));
    return Cli.run(
        Map.of("XDG_CACHE_HOME", temporary.toString()), arguments.toArray(String[]::new));
  }

  private Path baseline(JsonNode from, double factor) throws IOException {
    JsonNode changed = from.deepCopy();
    for (JsonNode kernel : changed.path("kernels")) {
      ArrayNode times = (ArrayNode) kernel.path("ms");
      for (int i = 0; i < times.size(); i++) {
        times.set(i, times.get(i).asDouble() * factor);
      }
    }
    return Files.writeString(temporary.resolve("baseline.json"), changed.toString());
  }

  @Test
  void aBaselineThatWasFasterIsARegression() throws IOException {
    Cli first = bench("--json");
    assertEquals(0, first.code(), first.err());
    JsonNode result = JSON.readTree(first.out());
    assertEquals(7, result.at("/kernels/0/ms").size());

    String slow = baseline(result, 1000).toString();
    Cli faster = bench("--baseline", slow);
    assertEquals(0, faster.code(), faster.err());
    assertTrue(faster.out().contains("faster"), faster.out());

    String fast = baseline(result, 0.001).toString();
    Cli slower = bench("--baseline", fast, "--json");
    assertEquals(Failure.REGRESSION.exitCode(), slower.code(), slower.err());
    JsonNode comparison = JSON.readTree(slower.out()).path("comparison");
    assertEquals(true, comparison.path("regression").asBoolean());
    assertEquals("slower", comparison.at("/changes/0/verdict").asText());
    assertTrue(bench("--baseline", fast).out().contains("REGRESSION: gelu"));

    Cli other = bench("--baseline", fast, "--width", "16");
    assertEquals(Failure.DATA.exitCode(), other.code());
    assertTrue(other.err().contains("its width is 8, now it is 16"), other.err());
  }

  @Test
  void figuresAndRooflineAreWrittenAsFiles() throws IOException {
    Path csv = temporary.resolve("figures.csv");
    Path plot = temporary.resolve("roof.svg");
    Cli cli = bench("--csv", csv.toString(), "--plot", plot.toString(), "--json");
    assertEquals(0, cli.code(), cli.err());
    JsonNode kernels = JSON.readTree(cli.out()).path("kernels");
    List<String> lines = Files.readAllLines(csv);
    assertEquals(1 + kernels.size(), lines.size());
    List<String> header = List.of(lines.getFirst().split(",", -1));
    List<String> names = new ArrayList<>();
    for (int i = 1; i < lines.size(); i++) {
      List<String> row = List.of(lines.get(i).split(",", -1));
      assertEquals(header.size(), row.size(), lines.get(i));
      JsonNode kernel = kernels.get(i - 1);
      names.add(
          (row.get(header.indexOf("op")) + " " + row.get(header.indexOf("operands"))).strip());
      double median = 1e3 * kernel.path("ms_median").asDouble();
      assertEquals(median, Double.parseDouble(row.get(header.indexOf("median_us"))), 1e-4 * median);
      assertEquals("fp32", row.get(header.indexOf("precision")));
      assertEquals("2", row.get(header.indexOf("B")));
      assertEquals(
          kernel.path("share").asDouble(),
          Double.parseDouble(row.get(header.indexOf("share"))),
          1e-4 * kernel.path("share").asDouble());
    }
    assertTrue(names.contains("linearBackwardInput gelu out 24x32x8"), names.toString());
    assertTrue(Files.readString(plot).contains("geluBackward"));
    assertTrue(cli.err().contains("wrote " + plot), cli.err());

    Cli nowhere = bench("--csv", temporary.resolve("none/figures.csv").toString());
    assertEquals(Failure.USAGE.exitCode(), nowhere.code());
    assertTrue(nowhere.err().contains("its folder does not exist"), nowhere.err());
    Cli ending = bench("--plot", temporary.resolve("roof.gif").toString());
    assertEquals(Failure.USAGE.exitCode(), ending.code());
  }

  @Test
  void shapesAndPrecisionsAreTimedInTurn() throws IOException {
    Path plot = temporary.resolve("roof.svg");
    Path csv = temporary.resolve("figures.csv");
    Cli cli =
        bench(
            "--shapes",
            "T=4,C=16;B=1,H=1",
            "--precision",
            "fp32,bf16",
            "--json",
            "--csv",
            csv.toString(),
            "--plot",
            plot.toString());
    assertEquals(0, cli.code(), cli.err());
    JsonNode result = JSON.readTree(cli.out());
    List<String> runs = new ArrayList<>();
    for (JsonNode run : result.path("runs")) {
      JsonNode settings = run.path("settings");
      runs.add(
          "%s %d %d %d %d"
              .formatted(
                  settings.path("precision").asText(),
                  settings.path("batch_size").asInt(),
                  settings.path("sequence_length").asInt(),
                  settings.path("width").asInt(),
                  settings.path("heads").asInt()));
    }
    assertEquals(List.of("fp32 2 4 16 2", "bf16 2 4 16 2", "fp32 1 12 8 1", "bf16 1 12 8 1"), runs);
    assertTrue(result.path("command").asText().startsWith("gpt bench kernels --backend cpu"));
    assertEquals(1 + 4 * 3, Files.readAllLines(csv).size());
    assertTrue(Files.exists(temporary.resolve("roof-bf16-B1-T12-C8.svg")));
    assertTrue(cli.err().contains("4 of 4 runs: about"), cli.err());

    Path before = Files.writeString(temporary.resolve("several.json"), cli.out());
    Cli one = bench("--baseline", before.toString(), "--tolerance", "0.99", "--precision", "bf16");
    assertEquals(Failure.DATA.exitCode(), one.code());
    assertTrue(one.err().contains("none of its 4 runs is of bf16-B2-T12-C8"), one.err());
    Cli same =
        bench("--baseline", before.toString(), "--shapes", "T=4,C=16", "--precision", "bf16");
    assertTrue(same.code() == 0 || same.code() == Failure.REGRESSION.exitCode(), () -> same.err());
    assertTrue(same.out().contains("against the baseline"), same.out());
  }

  @Test
  void processesGiveTheirMedians() throws IOException {
    Cli cli = bench("--processes", "2", "--json");
    assertEquals(0, cli.code(), cli.err());
    JsonNode result = JSON.readTree(cli.out());
    assertEquals(3, result.path("kernels").size());
    for (JsonNode kernel : result.path("kernels")) {
      assertEquals(2, kernel.path("ms").size());
      assertTrue(kernel.path("share").asDouble() > 0);
    }
    assertEquals(4, result.at("/ceilings/measured").size());
    assertEquals("2", result.at("/settings/processes").asText());
    Path before = Files.writeString(temporary.resolve("processes.json"), cli.out());
    Cli few = bench("--processes", "2", "--baseline", before.toString());
    assertEquals(Failure.USAGE.exitCode(), few.code());
    assertTrue(few.err().contains("at least 5"), few.err());
    Cli other = bench("--baseline", before.toString());
    assertEquals(Failure.DATA.exitCode(), other.code());
    assertTrue(other.err().contains("its processes is 2, now it is 1"), other.err());
  }

  @Test
  void whatThereIsNoTimeForIsLeftOut() {
    Cli cli = bench("--shapes", "L=1;gpt2-1558m,B=64", "--time-limit", "0.1");
    assertEquals(0, cli.code(), cli.err());
    assertTrue(cli.err().contains("1 of 2 runs: about"), cli.err());
    assertTrue(cli.err().contains("left out: fp32-B64-T1024-C1600 (about "), cli.err());
    assertTrue(cli.out().contains("2 x 12 tokens, width 8"), cli.out());
  }

  @Test
  void badFlagsAreUsageErrors() {
    Cli missing = bench("--baseline", temporary.resolve("none.json").toString());
    assertEquals(Failure.DATA.exitCode(), missing.code());
    assertTrue(missing.err().contains("does not exist"), missing.err());
    for (List<String> flags :
        List.of(
            List.of("--shapes", "B=x", "'B=x'"),
            List.of("--precision", "fp32,bf17", "bf17"),
            List.of("--precision", "fp32,fp32", "names one twice"),
            List.of("--sweep", "--shapes", "B=1", "leave --shapes out"),
            List.of("--sweep", "leave --layers out"),
            List.of("--time-limit", "0", "more than 0 minutes"),
            List.of("--processes", "0", "--processes 0"))) {
      Cli cli = bench(flags.subList(0, flags.size() - 1).toArray(String[]::new));
      assertEquals(Failure.USAGE.exitCode(), cli.code(), flags.toString());
      assertTrue(cli.err().contains(flags.getLast()), cli.err());
    }
    Cli tolerance = bench("--tolerance", "-1");
    assertEquals(Failure.USAGE.exitCode(), tolerance.code());
    assertTrue(tolerance.err().contains("--tolerance"), tolerance.err());
  }
}
