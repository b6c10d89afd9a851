package io.gptjava.benchmarks.acceptance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class AcceptanceReportTest {
  @TempDir private Path folder;

  private Path write(String name, String... lines) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.write(file, List.of(lines));
  }

  @Test
  void lossesAgreeWithinTheTolerance() throws Exception {
    Path expected =
        write(
            "expected.jsonl",
            "{\"event\":\"start\"}",
            "{\"event\":\"step\",\"step\":0,\"loss\":10.0}",
            "{\"event\":\"eval\",\"train_loss\":1.0}",
            "{\"event\":\"step\",\"step\":1,\"loss\":8.0}");
    Path actual =
        write(
            "actual.jsonl",
            "{\"event\":\"step\",\"step\":0,\"loss\":10.0}",
            "{\"event\":\"step\",\"step\":1,\"loss\":8.04}");
    LossParity parity = LossParity.compare(expected, actual, 0.01);
    assertEquals(0.005, parity.largestDifference(), 1e-12);
    assertTrue(parity.holds());
    assertFalse(LossParity.compare(expected, actual, 0.004).holds());
    assertEquals(0, AcceptanceMain.run("parity", expected.toString(), actual.toString(), "0.01"));
    assertEquals(1, AcceptanceMain.run("parity", expected.toString(), actual.toString(), "1e-3"));
  }

  @Test
  void lossesThatAreMissingOrNotFiniteDoNotAgree() {
    assertFalse(new LossParity(List.of(), List.of(), 1).holds());
    assertFalse(new LossParity(List.of(1.0, 2.0), List.of(1.0), 1).holds());
    assertFalse(new LossParity(List.of(1.0, 2.0), List.of(1.0, Double.NaN), 1).holds());
    assertFalse(new LossParity(List.of(1.0, Double.NaN, 3.0), List.of(1.0, 2.0, 3.0), 1).holds());
  }

  @Test
  void junitReportIsSummedUp() throws Exception {
    Path report =
        write(
            "TEST-junit-jupiter.xml",
            "<?xml version=\"1.0\"?><testsuite name=\"x\" tests=\"4\">",
            "<testcase name=\"a()\" classname=\"A\"/>",
            "<testcase name=\"b()\" classname=\"A\"><failure message=\"wrong&#10;more\">t</failure></testcase>",
            "<testcase name=\"c()\" classname=\"A\"><error message=\"broken\"/></testcase>",
            "<testcase name=\"d()\" classname=\"B\"><skipped><![CDATA[no cublas 12",
            "at]]></skipped></testcase>",
            "</testsuite>");
    ObjectNode node = new ObjectMapper().createObjectNode();
    JunitSummary.put(node, report);
    assertEquals(4, node.path("tests").asInt());
    assertEquals(1, node.path("passed").asInt());
    assertEquals(2, node.path("failed").asInt());
    assertEquals("A b()", node.at("/failures/0/test").asText());
    assertEquals("wrong", node.at("/failures/0/message").asText());
    assertEquals(1, node.at("/skip_reasons/no cublas 12").asInt());
  }

  private static String ours(double ms) {
    return """
        {"settings":{"batch_size":4},"step_ms_median":%s,"tokens_per_second":%s,"tflops":494.5,\
        "product_tflops":790}"""
        .formatted(ms, 4096e3 / ms);
  }

  private static String theirs(double ms, String attention) {
    return """
        {"torch":"2.11","mode":"compile","attention":"%s","weights":"autocast","batch_size":4,\
        "step_ms_median":%s,"tokens_per_second":%s,"tflops":300}"""
        .formatted(attention, ms, 4096e3 / ms);
  }

  @Test
  void workFolderBecomesTables() throws Exception {
    write("run.tsv", "started\t2026-01-02T03:04:05Z", "commit\tabc");
    write("steps/10-machine/step.tsv", "name\tmachine", "status\tpassed", "seconds\t3");
    write("steps/10-machine/machine.tsv", "gpu.name\tNVIDIA H100 80GB HBM3", "threads\t16");
    write("steps/11-train/step.tsv", "name\ttrain", "status\ttimed out", "reason\tslow");
    write("steps/11-train/commands", "gpt bench train");
    write("steps/11-train/ours.jsonl", ours(10), ours(12), ours(11));
    write(
        "steps/11-train/torch.jsonl",
        theirs(22, "flash"),
        "{\"mode\":\"eager\",\"attention\":\"cudnn\",\"batch_size\":4,\"error\":\"out of memory\"}",
        "{\"half\":");
    Path out = folder.resolve("out");
    assertEquals(0, AcceptanceMain.run("report", folder.toString(), out.toString()));
    JsonNode json = new ObjectMapper().readTree(out.resolve("acceptance.json").toFile());
    assertEquals(16, json.at("/runs/0/steps/0/figures/machine/threads").asInt());
    assertEquals(3, json.at("/runs/0/steps/1/figures/ours").size());
    String markdown = Files.readString(out.resolve("acceptance.md"));
    for (String part :
        List.of(
            "commit abc",
            "| gpu.name | NVIDIA H100 80GB HBM3 |",
            "| train | timed out |  |  | slow |",
            "gpt bench train",
            // Median of 10, 11 and 12; spread 2 of 11; MFU 494.5 of 989 and of 790.
            "| 4 | gpt-java | 3 | 11.00 | 18.2 % | 372,364 | 494.5 | 50.0 % | 62.6 % |",
            "B=4: gpt-java is 2.00× PyTorch 2.11 compile, flash, autocast",
            "B=4, PyTorch eager cudnn: out of memory",
            "not JSON")) {
      assertTrue(markdown.contains(part), part + "\n" + markdown);
    }
    Path merged = folder.resolve("merged");
    String file = out.resolve("acceptance.json").toString();
    assertEquals(0, AcceptanceMain.run("merge", merged.toString(), file, file));
    assertEquals(
        2,
        new ObjectMapper()
            .readTree(merged.resolve("acceptance.json").toFile())
            .path("runs")
            .size());
    assertEquals(2, AcceptanceMain.run("merge"));
  }
}
