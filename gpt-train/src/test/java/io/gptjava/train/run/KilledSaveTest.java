package io.gptjava.train.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.OptimizerState;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.model.ParameterLayout;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Saves in another process that is killed, or whose disk takes no more. */
class KilledSaveTest {
  private static final int ROUNDS = 7;

  @TempDir Path temporary;

  private static List<String> java(Path run, long last) {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-cp",
        System.getProperty("java.class.path"),
        SavingProcess.class.getName(),
        run.toString(),
        Long.toString(last));
  }

  @Test
  void aRunSurvivesBeingKilledAtAnyTime() throws Exception {
    Path path = temporary.resolve("run");
    RunFolder.create(path).close();
    Random random = new Random(5);
    long acknowledged = 0;
    int leftovers = 0;
    for (int round = 0; round < ROUNDS; round++) {
      Path output = temporary.resolve("output-" + round);
      Process process =
          new ProcessBuilder(java(path, Long.MAX_VALUE))
              .redirectOutput(output.toFile())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      while (Files.size(output) == 0 && process.isAlive()) {
        Thread.sleep(5);
      }
      Thread.sleep(random.nextInt(250));
      process.destroyForcibly().waitFor();
      String told = Files.readString(output);
      List<String> whole = told.substring(0, told.lastIndexOf('\n')).lines().toList();
      assertTrue(Long.parseLong(whole.getFirst()) > acknowledged, "it goes on where it was");
      acknowledged = Long.parseLong(whole.getLast());
      leftovers += leftovers(path).size();
      verify(path, acknowledged);
    }
    System.out.printf(
        "Killed %d processes: %d checkpoints acknowledged, %d half-written folders found%n",
        ROUNDS, acknowledged, leftovers);
  }

  private static List<Path> leftovers(Path run) throws IOException {
    try (Stream<Path> folders = Files.list(run.resolve("checkpoints"))) {
      return folders.filter(f -> f.getFileName().toString().startsWith(".")).toList();
    }
  }

  /** The run can be continued: nothing acknowledged is lost, all that is there is whole. */
  private static void verify(Path path, long acknowledged) throws IOException {
    ParameterLayout layout = new ParameterLayout(SavingProcess.CONFIG);
    try (RunFolder run = RunFolder.open(path);
        FakeBackend backend = new FakeBackend(false)) {
      assertTrue(leftovers(path).isEmpty());
      List<Long> steps = Checkpoints.list(path);
      assertTrue(steps.getLast() >= acknowledged, steps + " without " + acknowledged);
      assertTrue(steps.size() <= 4, "old ones are removed: " + steps);
      OptimizerState expected = backend.state(layout);
      OptimizerState actual = backend.state(layout);
      for (long step : steps) {
        Checkpoint checkpoint = Checkpoints.open(path, step);
        assertEquals(CheckpointStoreTest.info(step, Double.NaN), checkpoint.info());
        checkpoint.read(backend, layout, actual);
        backend.fill(layout, expected, step);
        assertArrayEquals(backend.bytes(expected.parameters()), backend.bytes(actual.parameters()));
        assertArrayEquals(
            backend.bytes(expected.firstMoment()), backend.bytes(actual.firstMoment()));
        assertArrayEquals(
            backend.bytes(expected.secondMoment()), backend.bytes(actual.secondMoment()));
      }
      RunLog.resume(run.path(), steps.getLast(), false).close();
      List<Long> logged =
          RunHistory.read(path).steps().stream().map(TrainingEvent.Step::step).toList();
      List<Long> all = new ArrayList<>();
      for (long step = 0; step < steps.getLast(); step++) {
        all.add(step);
      }
      assertEquals(all, logged, "each step is logged once");
    }
  }

  @Test
  void aDiskThatFillsUpDuringASaveIsTold() throws Exception {
    Assumptions.assumeTrue(
        Files.isExecutable(Path.of("/bin/sh")), "needs a shell that limits the size of files");
    Path path = temporary.resolve("run");
    ParameterLayout layout = new ParameterLayout(SavingProcess.CONFIG);
    try (RunFolder run = RunFolder.create(path);
        FakeBackend backend = new FakeBackend(false)) {
      OptimizerState state = backend.state(layout);
      backend.fill(layout, state, 1);
      new CheckpointStore(run)
          .save(backend, layout, state, CheckpointStoreTest.info(1, Double.NaN), 0);
    }
    // A file may have at most 2 MiB or 4 MiB (in blocks of 512 or 1024 bytes): fewer than a model.
    List<String> command =
        new ArrayList<>(List.of("/bin/sh", "-c", "ulimit -f 4096; exec \"$@\"", "sh"));
    command.addAll(java(path, 2));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    assertTrue(output.startsWith("CAPACITY Cannot save checkpoint 000002 in "), output);
    assertTrue(output.contains("from checkpoint 000001 with: gpt resume"), output);
    assertFalse(output.contains("Exception"), output);
    assertTrue(leftovers(path).isEmpty(), "nothing half-written");
    try (FakeBackend backend = new FakeBackend(false)) {
      OptimizerState state = backend.state(layout);
      Checkpoints.open(path, 1).read(backend, layout, state);
    }
    assertEquals(List.of(1L), Checkpoints.list(path));
  }
}
