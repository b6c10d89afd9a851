package io.gptjava.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunFolderTest {
  @TempDir Path temporary;

  private static GptException usage(Runnable action) {
    GptException e = assertThrows(GptException.class, action::run);
    assertEquals(Failure.USAGE, e.failure());
    return e;
  }

  @Test
  void createsTheLayoutOnce() {
    Path path = temporary.resolve("runs/2026-story");
    try (RunFolder run = RunFolder.create(path)) {
      assertTrue(Files.isDirectory(run.checkpoints()));
      String busy = usage(() -> RunFolder.create(path)).getMessage();
      assertTrue(busy.contains("in use by another run (process "), busy);
      assertTrue(usage(() -> RunFolder.open(path)).getMessage().contains("in use"));
    }
    String exists = usage(() -> RunFolder.create(path)).getMessage();
    assertTrue(exists.contains("exists and holds a run") && exists.contains("gpt resume"), exists);
    RunFolder.open(path).close();
  }

  @Test
  void refusesWhatIsNotARun() throws IOException {
    Path file = Files.writeString(temporary.resolve("file"), "x");
    assertTrue(usage(() -> RunFolder.create(file)).getMessage().contains("is a file"));
    assertTrue(usage(() -> RunFolder.create(file.resolve("run"))).getMessage().contains("--out"));
    Path other = Files.createDirectory(temporary.resolve("other"));
    assertTrue(usage(() -> RunFolder.create(other)).getMessage().contains("is a folder"));
    assertFalse(Files.exists(other.resolve("run.lock")), "it stays as it is");
    assertTrue(usage(() -> RunFolder.open(other)).getMessage().contains("no checkpoints folder"));
    assertTrue(
        usage(() -> RunFolder.open(temporary.resolve("none"))).getMessage().contains("no such"));
  }

  @Test
  void keepsConfigurationAndState() throws IOException {
    Path path = temporary.resolve("run");
    try (RunFolder run = RunFolder.create(path)) {
      assertEquals(Optional.empty(), RunState.read(path));
      JsonNode config =
          new ObjectMapper().readTree("{\"lr\":{\"value\":4e-4,\"from\":\"preset\"}}");
      run.writeConfig(config);
      assertEquals(config, run.readConfig());
      RunState state =
          new RunState("running", 90, OptionalLong.of(40), OptionalLong.empty(), Double.NaN);
      run.writeState(state);
      assertEquals(Optional.of(state), RunState.read(path));
      assertFalse(state.finished());
      RunState end = new RunState("finished", 90, OptionalLong.of(90), OptionalLong.of(45), 6.25);
      run.writeState(end);
      assertEquals(Optional.of(end), RunState.read(path));
      assertTrue(end.finished());
      assertTrue(Files.readString(path.resolve("trainer.json")).contains("\"checkpoints/000045\""));
      Files.writeString(path.resolve("config.json"), "{\"lr\":");
    }
    GptException e = assertThrows(GptException.class, () -> RunFolder.readConfig(path));
    assertEquals(Failure.CHECKPOINT, e.failure());
    assertTrue(e.getMessage().contains("config.json is damaged"), e.getMessage());
  }

  @Test
  void aDamagedFileIsNamedWithThePlaceAndWhatToDo() throws IOException {
    Path path = temporary.resolve("run");
    RunFolder.create(path).close();
    Files.writeString(path.resolve("config.json"), "{\n  \"a\": ");
    GptException config = assertThrows(GptException.class, () -> RunFolder.readConfig(path));
    assertEquals(Failure.CHECKPOINT, config.failure());
    assertTrue(config.getMessage().contains("config.json is damaged"), config.getMessage());
    assertTrue(config.getMessage().contains("(line 2, column"), config.getMessage());
    assertFalse(config.getMessage().contains("Source"), config.getMessage());
    Files.writeString(path.resolve("trainer.json"), "{");
    GptException state = assertThrows(GptException.class, () -> RunState.read(path));
    assertEquals(Failure.CHECKPOINT, state.failure());
    assertTrue(state.getMessage().contains("trainer.json is damaged"), state.getMessage());
    assertTrue(state.getMessage().contains("Delete it"), state.getMessage());
  }

  @Test
  void describesTheMachine() throws IOException {
    Path path = temporary.resolve("run");
    try (RunFolder run = RunFolder.create(path)) {
      run.writeEnvironment(Environment.current("1.2.3", Optional.of("abc"), "CPU, 2 threads"));
    }
    JsonNode node = new ObjectMapper().readTree(path.resolve("environment.json").toFile());
    assertEquals("1.2.3", node.get("gpt_java").asText());
    assertEquals("abc", node.get("commit").asText());
    assertEquals("CPU, 2 threads", node.get("backend").asText());
    assertTrue(node.get("jdk").asText().contains(System.getProperty("java.vm.version")));
    assertTrue(node.get("memory_bytes").asLong() > 1 << 20);
    assertEquals(Runtime.getRuntime().availableProcessors(), node.get("processors").asInt());
    Path cpuinfo =
        Files.writeString(
            temporary.resolve("cpuinfo"), "processor\t: 0\nmodel name\t: Some CPU @ 2GHz\n");
    assertEquals(Optional.of("Some CPU @ 2GHz"), Environment.processorName(cpuinfo));
    assertEquals(Optional.empty(), Environment.processorName(temporary.resolve("none")));
  }

  @Test
  void theMemoryLedgerAddsUp() {
    MemoryLedger ledger =
        MemoryLedger.builder()
            .add("parameters", 650L << 20, "162,419,712 × fp32")
            .add("activations", 350L << 20, "")
            .build();
    assertEquals(1000L << 20, ledger.totalBytes());
    assertEquals(
        List.of(
            "  parameters         650.0 MiB  65.0 %  162,419,712 × fp32",
            "  activations        350.0 MiB  35.0 %", "  total            1,000.0 MiB 100.0 %"),
        ledger.table().lines().toList());
  }
}
