package io.gptjava.benchmarks.peers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gptjava.core.Backend;
import io.gptjava.core.GptConfig;
import io.gptjava.core.reference.ReferenceBackend;
import io.gptjava.train.run.ModelFolder;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A comparison whose peers are shell scripts; the arithmetic is a matter of the peers. */
final class PeerComparisonTest {
  private static final GptConfig MODEL = new GptConfig(61, 8, 16, 1, 2, 0, false, false);
  private static final List<String> ARGUMENTS = List.of("fp32", "0", "1", "cpu");

  @TempDir private Path folder;

  @BeforeEach
  void prepare() throws IOException {
    PeerPreparation.write(folder, MODEL, 2, 8, Optional.empty(), 3);
    Files.createDirectory(folder.resolve("peers"));
  }

  /** A peer that answers every question with these steps. */
  private void peer(String name, String ms, String losses) throws IOException {
    script(
        name,
        "echo noise of a library",
        "echo '{\"peer\":\"" + name + "\",\"version\":\"1\",\"settings\":\"none\"}'",
        "while read count; do echo '{\"ms\":[" + ms + "],\"losses\":[" + losses + "]}'; done",
        "echo '{\"peak_resident_bytes\":2000000000}'");
  }

  private void script(String name, String... lines) throws IOException {
    Path file = folder.resolve("peers").resolve(name);
    Files.writeString(file, "#!/bin/sh\n" + String.join("\n", lines) + "\n");
    assertTrue(file.toFile().setExecutable(true));
  }

  @Test
  void batchesAreThoseOfTheLoaderAndComeRoundAgain() throws IOException {
    PeerTask task = PeerTask.parse(folder.toString(), "fp32", "0.1", "1", "cpu");
    assertEquals(MODEL.parameterCount(), task.model().parameterCount());
    assertEquals(0.1f, task.model().dropout());
    int[][] inputs = new int[4][16];
    int[][] targets = new int[4][16];
    for (int i = 0; i < 4; i++) {
      task.read(i, inputs[i], targets[i]);
      assertEquals(inputs[i][1], targets[i][0]);
      assertEquals(inputs[i][15], targets[i][14]);
    }
    assertArrayEquals(inputs[0], inputs[3]);
    assertNotEquals(List.of(inputs[0]), List.of(inputs[1]));
    try (ModelFolder model = ModelFolder.open(folder.resolve(PeerTask.MODEL))) {
      assertEquals(61, model.config().vocabularySize());
    }
  }

  @Test
  void oursTrainsAsItIsTold() throws IOException {
    PeerTask task = PeerTask.parse(folder.toString(), "fp32", "0", "1", "cpu");
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    try (Backend backend = new ReferenceBackend()) {
      GptJavaPeer ours = new GptJavaPeer(task, backend);
      new PeerServer(task, ours::step)
          .serve(
              new ObjectMapper().createObjectNode().put("peer", "ours"),
              new ByteArrayInputStream("1\n150\n".getBytes(StandardCharsets.US_ASCII)),
              new PrintStream(said, true, StandardCharsets.UTF_8));
    }
    List<String> lines = said.toString(StandardCharsets.UTF_8).lines().toList();
    assertEquals(4, lines.size(), lines::toString);
    JsonNode later = new ObjectMapper().readTree(lines.get(2));
    double first = new ObjectMapper().readTree(lines.get(1)).at("/losses/0").doubleValue();
    assertEquals(Math.log(61), first, 0.05);
    assertEquals(150, later.path("ms").size());
    assertTrue(later.at("/losses/149").doubleValue() < first - 0.05, lines.get(2));
  }

  @Test
  void peersThatAgreeAreTimedInTurn() throws IOException {
    peer(PeerFolder.OURS, "10,10", "4.0,3.0");
    peer("equal", "20,20", "4.00005,3.0");
    peer("other", "5,5", "4.0,3.1");
    script("absent", "echo 'no such library' >&2", "exit 3");
    PeerFolder peers = new PeerFolder(folder);
    assertThrows(
        IllegalStateException.class,
        () -> PeerTiming.run(peers, ARGUMENTS, new PeerTiming.Plan(0, 1, 2)),
        "not before the losses were compared");
    assertFalse(PeerParity.check(peers, ARGUMENTS, 2, 1e-4));
    PeerTiming.run(peers, ARGUMENTS, new PeerTiming.Plan(0, 4, 2));
    assertEquals(0, PeerMain.run("report", folder.toString(), folder.resolve("report").toString()));
    JsonNode json = new ObjectMapper().readTree(folder.resolve("report.json").toFile());
    JsonNode rows = json.at("/times/fp32/peers");
    assertEquals(2, rows.size());
    assertEquals("gpt-java", rows.at("/0/name").asText());
    assertEquals(1600, rows.at("/0/tokens_per_second").doubleValue(), 1e-9);
    assertEquals(8, rows.at("/1/ms").size());
    assertEquals(2, rows.at("/1/time_over_ours/median").doubleValue());
    assertEquals(2, rows.at("/1/time_over_ours/high").doubleValue());
    assertEquals(0.1, json.at("/losses/fp32/peers/other/largest_difference").doubleValue(), 1e-9);
    assertEquals("absent ended: no such library", json.at("/skipped/0/reason").asText());
    String text = Files.readString(folder.resolve("report.txt"));
    assertTrue(text.contains("2.00 (2.00 to 2.00)") && text.contains("other not timed"), text);
  }

  @Test
  void lossesThatAreNoNumbersDiffer() {
    List<Double> one = List.of(1.0, 2.0);
    assertEquals(0.5, PeerParity.largestDifference(one, List.of(1.0, 2.5)));
    assertEquals(
        Double.POSITIVE_INFINITY, PeerParity.largestDifference(one, List.of(1.0, Double.NaN)));
    assertEquals(Double.POSITIVE_INFINITY, PeerParity.largestDifference(one, List.of(1.0)));
  }
}
