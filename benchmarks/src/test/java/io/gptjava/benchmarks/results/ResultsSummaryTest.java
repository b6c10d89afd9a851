package io.gptjava.benchmarks.results;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The recorded measurements. With the system property {@code gpt.renew} this writes their page. */
final class ResultsSummaryTest {
  private static final Path RESULTS = Path.of("results");

  @TempDir private Path folder;

  @Test
  void thePageIsUpToDate() throws IOException {
    String page = ResultsSummary.of(RESULTS);
    Path file = RESULTS.resolve(ResultsSummary.PAGE);
    if (Boolean.getBoolean("gpt.renew")) {
      Files.writeString(file, page);
    }
    assertEquals(
        page,
        Files.exists(file) ? Files.readString(file) : "",
        "run ./gpt bench summary benchmarks/results to renew benchmarks/results/README.md");
  }

  @Test
  void recordsNameTheirOriginAndNoPathOfAMachine() throws IOException {
    Pattern absolute = Pattern.compile("(^|[\\s='\"])/(home|work|tmp|root|usr|opt)/");
    List<Path> files;
    try (Stream<Path> all = Files.list(RESULTS)) {
      files = all.toList();
    }
    assertTrue(files.size() >= 5, files.toString());
    for (Path file : files) {
      String text = Files.readString(file);
      assertTrue(!absolute.matcher(text).find(), file + " has a path of a machine");
      if (file.toString().endsWith(".json")) {
        JsonNode root = new ObjectMapper().readTree(text);
        JsonNode first = root.has("runs") ? root.path("runs").path(0) : root;
        if (root.path("benchmark").asText().equals("kernels")) {
          assertTrue(root.path("command").asText().startsWith("gpt bench"), file + ": command");
          assertTrue(
              first.at("/environment/commit").asText().matches("[0-9a-f]{40}"), file + ": commit");
          assertTrue(!first.at("/environment/processor").asText().isEmpty(), file + ": processor");
        }
      }
    }
  }

  @Test
  void textsAndKernelsAreListed() throws IOException {
    Files.writeString(
        folder.resolve("a.txt"),
        "command   gpt bench x|y\ncommit    abc\nhardware  a box\n          of chips\n\nfigures\n");
    Files.writeString(
        folder.resolve("b.json"),
        """
        {"benchmark":"kernels","command":"gpt bench kernels","runs":[
        {"environment":{"commit":"0123456789012345678901234567890123456789-dirty","processor":"P",
        "processors":2,"memory_bytes":8589934592,"backend":"CPU","started":"2026-01-02T03:04:05Z"},
        "settings":{"precision":"bf16","batch_size":2,"sequence_length":4,"width":8,"heads":2,
        "layers":1,"vocab_size":9,"dropout":0.1},"timed_by":"host clock",
        "ceilings":{"copy_gbps":10,"matmul_size":64,"matmul_tflops":0.5},
        "kernels":[{"name":"gelu","ms_median":1.5,"ms_min":1,"ms_p95":2.5,"flops":0,"gbps":3,
        "bound":"memory","share":0.3,"note":"a | b"}],
        "skipped":[{"family":"head","reason":"too large"}]}]}
        """);
    String page = ResultsSummary.of(folder);
    assertTrue(
        page.contains("| [a.txt](a.txt) | text | gpt bench x\\|y | a box of chips | abc |  |"),
        page);
    assertTrue(
        page.contains(
            "| [b.json](b.json) | kernels | gpt bench kernels | P, 2 processors, 8 GiB; CPU |"
                + " 0123456-dirty | 2026-01-02 |"),
        page);
    assertTrue(page.contains("### bf16, 2 x 4 tokens, width 8, 2 heads"), page);
    assertTrue(
        page.contains(
            "| gelu | 1500.0 | 1000.0 | 2500.0 | 100 % |  | 3.0 | memory | 30 % | a \\| b |"),
        page);
    assertTrue(page.contains("| head | | | | | | | | | skipped: too large |"), page);
    Files.writeString(folder.resolve("c.json"), "{");
    GptException e = assertThrows(GptException.class, () -> ResultsSummary.of(folder));
    assertEquals(Failure.DATA, e.failure());
  }
}
