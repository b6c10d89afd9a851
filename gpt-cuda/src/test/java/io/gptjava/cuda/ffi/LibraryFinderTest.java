package io.gptjava.cuda.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.cuda.CudaUnderTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LibraryFinderTest {
  private static final List<String> SONAMES = List.of("libabacus.so.13", "libabacus.so.12");

  @TempDir private Path root;

  private Path broken(String path) throws IOException {
    Path file = root.resolve(path);
    Files.createDirectories(file.getParent());
    Files.writeString(file, "not a library");
    return file;
  }

  private List<String> tried(Optional<Path> library, Optional<Path> home) {
    LibraryFinder finder = new LibraryFinder(library, home, root, root.resolve("home/someone"));
    LibrarySearch search = finder.find("abacus", "abacusCount", SONAMES);
    assertTrue(search.library().isEmpty());
    return search.rejected().stream().map(LibrarySearch.Rejected::candidate).toList();
  }

  @Test
  void looksInOrder() throws IOException {
    Path named = root.resolve("named.so");
    Path home = broken("toolkit/lib64/libabacus.so.12");
    Path older = broken("usr/local/cuda-12.4/lib64/libabacus.so.12");
    Path newer = broken("usr/local/cuda-13.0/lib64/libabacus.so.13");
    Path wheel =
        broken("home/someone/.local/lib/python3.12/site-packages/nvidia/cu13/lib/libabacus.so.13");
    Path system = broken("usr/lib/python3/dist-packages/nvidia/abacus/lib/libabacus.so.12");
    assertEquals(
        List.of(
            named.toString(),
            home.toString(),
            "libabacus.so.13",
            "libabacus.so.12",
            newer.toString(),
            older.toString(),
            wheel.toString(),
            system.toString()),
        tried(Optional.of(named), Optional.of(root.resolve("toolkit"))));
  }

  @Test
  void aFolderThatWasNamedIsReportedEvenIfEmpty() throws IOException {
    Path empty = Files.createDirectory(root.resolve("empty"));
    assertEquals(
        empty.resolve("libabacus.so.13").toString(),
        tried(Optional.empty(), Optional.of(empty)).getFirst());
  }

  @Test
  void wheelsOfANamedPythonEnvironmentAreFound() throws IOException {
    Path wheel = broken("venv/lib/python3.13/site-packages/nvidia/cublas/lib/libabacus.so.12");
    assertEquals(
        wheel.toString(), tried(Optional.empty(), Optional.of(root.resolve("venv"))).getFirst());
  }

  @Test
  void aNamedFolderIsNotExpectedToHoldTheDriver() throws IOException {
    Path home = Files.createDirectories(root.resolve("toolkit/lib64")).getParent();
    LibrarySearch search =
        new LibraryFinder(Optional.empty(), Optional.of(home), root, root)
            .find("driver", "abacusCount", List.of("libcuda.so.abacus"));
    assertEquals(1, search.rejected().size(), search.reasons());
  }

  @Test
  void reasonsAreTheLoadersOwn() throws IOException {
    Path file = broken("broken.so");
    Path absent = root.resolve("absent.so");
    LibraryFinder finder =
        new LibraryFinder(Optional.of(file), Optional.of(absent), root, root.resolve("home"));
    LibrarySearch search = finder.find("abacus", "abacusCount", SONAMES);
    assertTrue(search.rejected().get(0).reason().contains("file too short"), search.reasons());
    assertEquals("no such file", search.rejected().get(1).reason());
    assertTrue(
        search.rejected().get(2).reason().contains("cannot open shared object file"),
        search.reasons());
    CudaException e =
        assertThrows(CudaException.class, () -> search.require("Count on your fingers."));
    assertEquals(Failure.DEVICE, e.failure());
    assertTrue(e.getMessage().contains(file + ": file too short"), e.getMessage());
    assertTrue(e.getMessage().endsWith("\nCount on your fingers."), e.getMessage());
  }

  /** One file for everything, asked first: what GPT_CUDA_LIBRARY means. */
  @Test
  void anExplicitLibraryServesEverything() {
    Optional<Path> emulator = CudaUnderTest.options().cudaLibrary();
    LibraryFinder finder = new LibraryFinder(emulator, Optional.empty());
    for (LibrarySearch search :
        List.of(
            DriverApi.search(finder),
            CublasApi.search(finder),
            CublasLtApi.search(finder),
            NvmlApi.search(finder))) {
      NativeLibrary library = search.require("");
      if (emulator.isPresent()) {
        assertEquals(emulator.get().toString(), library.path());
      }
    }
  }

  @Test
  void aLibraryWithoutTheFunctionIsPassedOver() {
    Optional<Path> emulator = CudaUnderTest.options().cudaLibrary();
    LibrarySearch search =
        new LibraryFinder(emulator, Optional.empty(), root, root)
            .find("abacus", "abacusCount", SONAMES);
    assertTrue(search.library().isEmpty());
    emulator.ifPresent(
        path -> assertEquals("has no function abacusCount", search.rejected().getFirst().reason()));
  }
}
