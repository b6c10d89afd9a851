package io.gptjava.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gptjava.core.BackendOptions;
import io.gptjava.core.Failure;
import io.gptjava.cuda.CudaSupport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the command line says on a machine without an NVIDIA driver. */
final class WithoutGpuTest {
  private static final String[] TINY = {
    "--layers", "1", "--heads", "1", "--width", "8", "--context-length", "8", "--batch-size", "1"
  };

  @TempDir private Path folder;

  @BeforeEach
  void onlyWithoutDriver() {
    assumeTrue(
        CudaSupport.look(BackendOptions.DEFAULT).driver().library().isEmpty(),
        "this machine has an NVIDIA driver");
  }

  private static String[] join(String[] first, String... second) {
    String[] all = new String[first.length + second.length];
    System.arraycopy(first, 0, all, 0, first.length);
    System.arraycopy(second, 0, all, first.length, second.length);
    return all;
  }

  @Test
  void cudaSaysWhatItTriedAndWhatToDo() {
    Cli cli =
        Cli.run(
            Map.of("GPT_CUDA_LIBRARY", "/nowhere/libcuda.so"),
            join(new String[] {"train", "--backend", "cuda"}, TINY));
    assertEquals(Failure.DEVICE.exitCode(), cli.code());
    assertTrue(
        cli.err().startsWith("--backend cuda cannot run here: no NVIDIA driver found"), cli.err());
    assertTrue(cli.err().contains("/nowhere/libcuda.so: no such file"), cli.err());
    assertTrue(cli.err().contains("libcuda.so.1: "), cli.err());
    assertTrue(cli.err().contains("install its driver"), cli.err());
    assertTrue(cli.err().lines().count() <= 3, cli.err());
  }

  @Test
  void autoTakesTheProcessorAndSaysSoOnce() throws IOException {
    Path text = folder.resolve("text.txt");
    Files.writeString(text, "The keeper climbed the stairs and lit the lamp. ".repeat(20));
    Cli cli =
        Cli.run(
            join(
                new String[] {"train", "--data", text.toString(), "--steps", "2"},
                join(TINY, "--out", folder.resolve("run").toString(), "--sample-every", "0")));
    assertEquals(0, cli.code(), cli.err());
    assertEquals(
        1,
        (cli.out() + cli.err()).lines().filter(line -> line.contains("cpu")).count(),
        cli.out() + cli.err());
  }

  @Test
  void doctorListsWhatIsMissing() {
    String out = Cli.run("doctor").out();
    assertTrue(out.contains("NVIDIA driver      missing: libcuda.so.1: "), out);
    assertTrue(out.contains("to install         With an NVIDIA GPU"), out);
  }
}
