package io.gptjava.cuda.blas;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.zip.CRC32;

/**
 * The fastest algorithm of each product, measured once on a GPU with a version of the library, kept
 * in a file of that GPU and version. Starting again is then quick, and gives the same bits.
 *
 * <p>The file: a first line that says what it is, a line per product (its key, a tab, the
 * algorithm's bytes in hexadecimal) in order of the keys, a last line with the CRC-32 of all before
 * it. It is replaced as a whole, so that a reader never sees half of it. A file that is damaged is
 * reported and measured again.
 */
final class AlgorithmCache {
  private static final String TITLE = "gpt-java matmul algorithms 1";
  private static final String CHECKSUM = "crc32 ";

  private final Map<String, byte[]> algorithms = new TreeMap<>();
  private final Optional<Path> file;
  private final String header;
  private final Consumer<String> warnings;
  private boolean writable = true;

  /**
   * Reads what earlier runs measured.
   *
   * @param folder where the file lies or will lie; empty to keep nothing
   * @param device name of the GPU
   * @param library name and version of the library
   * @param warnings told about files that cannot be used
   */
  AlgorithmCache(Optional<Path> folder, String device, String library, Consumer<String> warnings) {
    header = TITLE + ", " + device + ", " + library;
    file = folder.map(f -> f.resolve(fileName(device, library)));
    this.warnings = warnings;
    file.ifPresent(this::read);
  }

  private static String fileName(String device, String library) {
    String name = "matmul-%s-%s".formatted(device, library);
    return name.replaceAll("[^A-Za-z0-9.]+", "-") + ".txt";
  }

  /** The algorithm of a product, if it was measured. */
  Optional<byte[]> find(String key) {
    return Optional.ofNullable(algorithms.get(key)).map(byte[]::clone);
  }

  /** Keeps the algorithm of a product. */
  void put(String key, byte[] algorithm) {
    if (key.indexOf('\t') >= 0 || key.indexOf('\n') >= 0) {
      throw new IllegalArgumentException("no key: " + key);
    }
    algorithms.put(key, algorithm.clone());
    file.ifPresent(this::write);
  }

  private void read(Path path) {
    try {
      parse(Files.readString(path, StandardCharsets.UTF_8));
    } catch (NoSuchFileException e) {
      return; // the first run
    } catch (IOException | IllegalArgumentException e) {
      algorithms.clear();
      warnings.accept(
          "%s is not used: %s; matrix products will be measured again"
              .formatted(path, e.getMessage()));
    }
  }

  private void parse(String text) {
    int last = text.lastIndexOf(CHECKSUM);
    if (last < 0 || !text.substring(last).equals(checksumLine(text.substring(0, last)))) {
      throw new IllegalArgumentException("it is damaged");
    }
    String[] lines = text.substring(0, last).split("\n");
    if (!lines[0].equals(header)) {
      throw new IllegalArgumentException("it belongs to another GPU or library");
    }
    for (int i = 1; i < lines.length; i++) {
      int tab = lines[i].indexOf('\t');
      if (tab < 0) {
        throw new IllegalArgumentException("line " + (i + 1) + " has no tab");
      }
      String hexadecimal = lines[i].substring(tab + 1);
      algorithms.put(lines[i].substring(0, tab), HexFormat.of().parseHex(hexadecimal));
    }
  }

  private void write(Path path) {
    if (!writable) {
      return;
    }
    StringBuilder text = new StringBuilder(header).append('\n');
    algorithms.forEach(
        (key, bytes) ->
            text.append(key).append('\t').append(HexFormat.of().formatHex(bytes)).append('\n'));
    text.append(checksumLine(text.toString()));
    try {
      Files.createDirectories(path.getParent());
      Path temporary = Files.createTempFile(path.getParent(), "matmul", ".tmp");
      try {
        Files.writeString(temporary, text, StandardCharsets.UTF_8);
        Files.move(temporary, path, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (IOException e) {
      writable = false;
      warnings.accept(
          "measurements of matrix products cannot be kept in %s: %s"
              .formatted(path, e.getMessage()));
    }
  }

  private static String checksumLine(String text) {
    CRC32 crc = new CRC32();
    crc.update(text.getBytes(StandardCharsets.UTF_8));
    return CHECKSUM + "%08x\n".formatted(crc.getValue());
  }
}
