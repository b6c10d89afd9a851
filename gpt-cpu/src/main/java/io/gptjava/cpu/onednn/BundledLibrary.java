package io.gptjava.cpu.onednn;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;

/**
 * A shared library among the program's resources, which the loader can only open as a file.
 *
 * @param name file name
 * @param source where it lies
 * @param checksum CRC-32 of its content: a jar's directory states it, so that a copy is checked
 *     without unpacking the library again
 * @param size in bytes
 */
record BundledLibrary(String name, URL source, long checksum, long size) {
  /**
   * Looks at a resource.
   *
   * @throws IOException if it cannot be read
   */
  static BundledLibrary of(String name, URL source) throws IOException {
    if (source.openConnection() instanceof JarURLConnection connection) {
      connection.setUseCaches(false);
      try (JarFile jar = connection.getJarFile()) {
        JarEntry entry = jar.getJarEntry(connection.getEntryName());
        return new BundledLibrary(name, source, entry.getCrc(), entry.getSize());
      }
    }
    CRC32 sum = new CRC32();
    try (InputStream in = new CheckedInputStream(source.openStream(), sum)) {
      long size = in.transferTo(OutputStream.nullOutputStream());
      return new BundledLibrary(name, source, sum.getValue(), size);
    }
  }

  /** Whether a file holds exactly this library. */
  boolean isAt(Path file) throws IOException {
    if (!Files.isRegularFile(file) || Files.size(file) != size) {
      return false;
    }
    CRC32 sum = new CRC32();
    try (InputStream in = new CheckedInputStream(Files.newInputStream(file), sum)) {
      in.transferTo(OutputStream.nullOutputStream());
    }
    return sum.getValue() == checksum;
  }

  /**
   * Sees to it that the folder holds the library. A file that is damaged is replaced; one that
   * another program has loaded stays whole for it, because the new one is renamed into place.
   *
   * @throws IOException if it cannot be written
   */
  void copyInto(Path folder) throws IOException {
    Path file = folder.resolve(name);
    if (isAt(file)) {
      return;
    }
    Path part = Files.createTempFile(folder, name, ".part");
    try {
      try (InputStream in = open()) {
        Files.copy(in, part, StandardCopyOption.REPLACE_EXISTING);
      }
      if (!isAt(part)) {
        throw new IOException("%s was not written whole: is the disk full?".formatted(part));
      }
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  private InputStream open() throws IOException {
    var connection = source.openConnection();
    connection.setUseCaches(false);
    return connection.getInputStream();
  }
}
