package io.gptjava.cpu.onednn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class OneDnnSupportTest {
  private static final String LINUX = "linux-x86_64";
  private static final ClassLoader HERE = OneDnnSupport.class.getClassLoader();

  @TempDir private Path folder;

  @Test
  void otherSystemsGetAReason() {
    OneDnnSupport support = OneDnnSupport.look(HERE, Optional.of(folder), "windows-x86_64");
    assertTrue(support.api().isEmpty());
    assertEquals(
        List.of("this program has it for linux-x86_64 only, not for windows-x86_64"),
        support.reasons());
  }

  @Test
  void aMissingJarIsAReason() throws IOException {
    try (URLClassLoader nothing = new URLClassLoader(new URL[0], null)) {
      OneDnnSupport support = OneDnnSupport.look(nothing, Optional.of(folder), LINUX);
      assertTrue(support.api().isEmpty());
      assertTrue(support.reasons().getFirst().contains("org.bytedeco:dnnl"), "" + support);
    }
  }

  /** A library that the loader refuses: its words for each place, and nothing left behind. */
  @Test
  void aBrokenLibraryIsAReason() throws IOException {
    Path resources = Files.createDirectories(folder.resolve("org/bytedeco/dnnl/linux-x86_64"));
    Files.writeString(resources.resolve("libgomp.so.1"), "no library");
    Files.writeString(resources.resolve("libdnnl.so.3"), "no library either");
    try (URLClassLoader broken = new URLClassLoader(new URL[] {folder.toUri().toURL()}, null)) {
      OneDnnSupport support =
          OneDnnSupport.look(broken, Optional.of(folder.resolve("cache")), LINUX);
      assertTrue(support.api().isEmpty());
      assertEquals(2, support.reasons().size(), "" + support);
      String first = support.reasons().getFirst();
      assertTrue(first.startsWith(folder.resolve("cache/onednn").toString()), first);
      assertTrue(first.contains("file too short") || first.contains("invalid ELF"), first);
    }
  }

  @Test
  void unpacksOnceAndReplacesADamagedFile() throws IOException {
    OneDnn.api();
    OneDnnSupport support = OneDnnSupport.look(Optional.of(folder));
    Path file = Path.of(support.where());
    assertTrue(file.startsWith(folder), support.where());
    assertTrue(support.api().orElseThrow().version().startsWith("3."), "" + support);
    long size = Files.size(file);
    FileTime written = Files.getLastModifiedTime(file);
    OneDnnSupport.look(Optional.of(folder));
    assertEquals(written, Files.getLastModifiedTime(file));

    // As an interrupted copy or a bad disk would leave it; a new file, for the old one is mapped.
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 1;
    Files.delete(file);
    Files.write(file, bytes);
    OneDnnSupport repaired = OneDnnSupport.look(Optional.of(folder));
    assertTrue(repaired.api().isPresent(), "" + repaired);
    assertEquals(size, Files.size(file));
    bytes[bytes.length / 2] ^= 1;
    assertEquals(-1, Arrays.mismatch(bytes, Files.readAllBytes(file)));

    Files.write(file.resolveSibling("cut"), new byte[10]);
    Files.move(file.resolveSibling("cut"), file, StandardCopyOption.REPLACE_EXISTING);
    assertTrue(OneDnnSupport.look(Optional.of(folder)).api().isPresent());
    assertEquals(size, Files.size(file));
    try (Stream<Path> files = Files.list(file.getParent())) {
      assertEquals(2, files.count());
    }
  }

  /** Without a usable cache it is unpacked for this time only. */
  @Test
  void aCacheThatCannotBeWrittenIsNoObstacle() throws IOException {
    OneDnn.api();
    Path blocked = Files.writeString(folder.resolve("file"), "in the way");
    OneDnnSupport support = OneDnnSupport.look(Optional.of(blocked));
    assertTrue(support.api().isPresent(), "" + support);
    assertTrue(support.reasons().getFirst().startsWith(blocked.toString()), "" + support);
    assertTrue(Files.notExists(Path.of(support.where())), support.where());
    assertTrue(OneDnnSupport.look(Optional.empty()).api().isPresent());
  }
}
