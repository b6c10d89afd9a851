package io.gptjava.cuda.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Every kernel assembles for the GPUs it is built for, by a compiler whose newest PTX is 8.0. */
@Execution(ExecutionMode.CONCURRENT)
final class PtxAssemblyTest {
  @TempDir private Path folder;

  @BeforeEach
  void onlyWhereTheCompilerRuns() {
    assumeTrue(
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64"),
        "JCuda's PTX compiler is for Linux on x86-64");
  }

  @Test
  void everyModuleAssemblesForBothArchitectures() throws Throwable {
    assembleAll("sm80", "sm_80");
    assembleAll("sm90a", "sm_90a");
  }

  private void assembleAll(String architecture, String gpu) throws Throwable {
    PtxLibrary library = new PtxLibrary(architecture);
    assertFalse(library.modules().isEmpty(), "no PTX in this build: run kernels/build-ptx.sh");
    try (Arena arena = Arena.ofConfined()) {
      PtxCompiler compiler = compiler(architecture, arena);
      for (String name : library.modules()) {
        String ptx = library.module(name).text();
        assertTrue(ptx.contains(".version 8.0\n"), name + " is not PTX 8.0");
        assertTrue(ptx.contains(".target " + gpu + "\n"), name + " is not for " + gpu);
        assertFalse(ptx.contains("\n\t.loc"), name + " has line information");
        assertEquals("", compiler.assemble(ptx, gpu), name + " for " + gpu);
      }
    }
  }

  @Test
  void brokenPtxIsNoticed() throws Throwable {
    try (Arena arena = Arena.ofConfined()) {
      String complaint =
          compiler("broken", arena)
              .assemble(
                  """
                  .version 8.0
                  .target sm_80
                  .address_size 64
                  .visible .entry nothing() { add.such.instruction %r1; ret; }
                  """,
                  "sm_80");
      assertTrue(complaint.contains("status"), complaint);
      assertTrue(complaint.contains("line 4"), complaint);
    }
  }

  private PtxCompiler compiler(String name, Arena arena) throws IOException {
    Path own = folder.resolve(name);
    own.toFile().mkdir();
    return PtxCompiler.load(own, arena);
  }
}
