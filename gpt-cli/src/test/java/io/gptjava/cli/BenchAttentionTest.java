package io.gptjava.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.core.Failure;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The benchmark of attention by sequence length on tiny shapes. */
final class BenchAttentionTest {
  private static Cli bench(String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of("bench", "attention", "--backend", "cpu", "--threads", "1", "--quick"));
    arguments.addAll(
        List.of("--heads", "2", "--width", "16", "--tokens", "64", "--sequence-lengths"));
    arguments.addAll(List.of(more));
    return Cli.run(Map.of(), arguments.toArray(String[]::new));
  }

  @Test
  void everyLengthIsMeasuredAndFitted() throws Exception {
    Cli cli = bench("8,16,48,96", "--json");
    assertEquals(0, cli.code(), cli.err());
    JsonNode result = new ObjectMapper().readTree(cli.out());
    assertEquals(4, result.path("points").size());
    int[] lengths = {8, 16, 48, 96};
    int[] batches = {8, 4, 1, 1};
    for (int i = 0; i < lengths.length; i++) {
      JsonNode point = result.path("points").get(i);
      assertEquals(lengths[i], point.path("sequence_length").asInt());
      assertEquals(batches[i], point.path("batch_size").asInt());
      for (String pass : List.of("forward", "backward")) {
        double ms = point.path(pass).path("ms_median").asDouble();
        double flops =
            (pass.equals("forward") ? 2.0 : 5.0) * batches[i] * lengths[i] * lengths[i] * 16;
        assertEquals(flops / ms * 1e-9, point.path(pass).path("tflops").asDouble(), 1e-12);
        double perToken = point.path(pass).path("us_per_token").asDouble();
        assertEquals(ms * 1e3 / (batches[i] * lengths[i]), perToken, 1e-9);
      }
    }
    assertTrue(result.at("/forward_fit/worst_deviation").isNumber());
    assertTrue(bench("8,16,32").out().contains("us/token ="));
  }

  @Test
  void badLengthsAreUsageErrors() {
    assertEquals(Failure.USAGE.exitCode(), bench("8,0").code());
    assertEquals(Failure.USAGE.exitCode(), bench("8,8").code());
  }
}
