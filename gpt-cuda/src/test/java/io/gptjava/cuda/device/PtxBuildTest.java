package io.gptjava.cuda.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The committed PTX is what the sources give, by {@code kernels/build-ptx.sh}. */
@Execution(ExecutionMode.CONCURRENT)
final class PtxBuildTest {
  private static final Path SCRIPT = Path.of("..", "kernels", "build-ptx.sh");
  private static final int CANNOT_CHECK = 77;

  @ParameterizedTest
  @ValueSource(strings = {"stamp", "rebuild", "spills"})
  void committedPtxIsRight(String check) throws IOException, InterruptedException {
    assumeTrue(Files.exists(Path.of("/bin/bash")), "no bash to run build-ptx.sh with");
    ProcessBuilder builder = new ProcessBuilder("bash", SCRIPT.toString(), "--check", check);
    // The sanitizers' libraries, which a sanitized emulator needs in this process, crash nvcc.
    builder.environment().remove("LD_PRELOAD");
    Process process = builder.redirectErrorStream(true).start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int code = process.waitFor();
    System.out.print(output);
    assumeTrue(code != CANNOT_CHECK, output);
    assertEquals(0, code, output);
  }
}
