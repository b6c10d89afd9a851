package io.gptjava.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.train.run.Environment;
import java.io.IOException;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** JMH's JSON in ours. */
final class JmhResultsTest {
  private static final Environment HERE = Environment.current("1", Optional.empty(), "test");

  private static JsonNode convert(String jmh) throws IOException {
    return JmhResults.convert(new ObjectMapper().readTree(jmh), HERE);
  }

  @Test
  void throughputBecomesTime() throws IOException {
    JsonNode json =
        convert(
            """
            [{"benchmark": "io.gptjava.benchmarks.jmh.MatmulBenchmark.forwardNN", "mode": "thrpt",
              "params": {"shape": "768x3072"},
              "primaryMetric": {"score": 0.25, "scoreUnit": "ops/ms", "rawData": [[0.2, 0.5], [0.25]]},
              "secondaryMetrics": {"gflops": {"score": 300.0}, "gbps": {"score": 12.5}}}]
            """);
    assertEquals("jmh", json.path("benchmark").asText());
    assertEquals("test", json.at("/environment/backend").asText());
    JsonNode kernel = json.at("/kernels/0");
    assertEquals("MatmulBenchmark", kernel.path("family").asText());
    assertEquals("forwardNN shape=768x3072", kernel.path("name").asText());
    assertEquals(4, kernel.path("ms_median").doubleValue());
    assertEquals(2, kernel.path("ms_min").doubleValue());
    assertEquals(5, kernel.path("ms_p95").doubleValue());
    assertEquals("[2.0,4.0,5.0]", kernel.path("ms").toString());
    assertEquals(1200e6, kernel.path("flops").doubleValue());
    assertEquals(12.5, kernel.path("gbps").doubleValue());
  }

  @Test
  void timesStay() throws IOException {
    JsonNode kernel =
        convert(
                """
                [{"benchmark": "a.PanamaCallBenchmark.labs", "mode": "avgt",
                  "primaryMetric": {"score": 23.0, "scoreUnit": "ns/op", "rawData": [[23.0]]},
                  "secondaryMetrics": {}}]
                """)
            .at("/kernels/0");
    assertEquals(23e-6, kernel.path("ms_median").doubleValue(), 1e-18);
    assertFalse(kernel.has("gbps"));
    assertThrows(
        IllegalArgumentException.class,
        () ->
            convert(
                """
                [{"benchmark": "a.B.c", "primaryMetric":
                  {"score": 1, "scoreUnit": "days/op", "rawData": [[1]]}}]
                """));
  }
}
