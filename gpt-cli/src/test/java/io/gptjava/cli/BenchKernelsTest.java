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

  private static Cli bench(String... more) {
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
    return Cli.run(Map.of(), arguments.toArray(String[]::new));
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
  void badFlagsAreUsageErrors() {
    Cli missing = bench("--baseline", temporary.resolve("none.json").toString());
    assertEquals(Failure.DATA.exitCode(), missing.code());
    assertTrue(missing.err().contains("does not exist"), missing.err());
    Cli tolerance = bench("--tolerance", "-1");
    assertEquals(Failure.USAGE.exitCode(), tolerance.code());
    assertTrue(tolerance.err().contains("--tolerance"), tolerance.err());
  }
}
