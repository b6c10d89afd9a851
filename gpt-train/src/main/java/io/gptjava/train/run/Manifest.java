package io.gptjava.train.run;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.core.safetensors.FileChecksum;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * The list of a checkpoint's files, written after all of them: without it, a checkpoint is not one.
 *
 * @param files sizes and checksums
 */
record Manifest(List<Entry> files) {
  static final String FILE = "manifest.json";

  private static final int VERSION = 1;

  Manifest {
    files = List.copyOf(files);
  }

  /**
   * A file.
   *
   * @param crc32c CRC-32C (Castagnoli) of its bytes, in the lower 32 bits
   */
  record Entry(String name, long bytes, long crc32c) {}

  /** A manifest that is not one. */
  static final class Malformed extends Exception {
    private static final long serialVersionUID = 1L;

    Malformed(String reason) {
      super(reason, null, false, false);
    }
  }

  /** Writes a small file through to the disk. */
  static Entry write(Path folder, String name, JsonNode content) throws IOException {
    return write(folder, name, Json.pretty(content));
  }

  /** Writes a small file through to the disk. */
  static Entry write(Path folder, String name, byte[] bytes) throws IOException {
    DurableFiles.replace(folder.resolve(name), bytes);
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return new Entry(name, bytes.length, crc.getValue());
  }

  void write(Path folder) throws IOException {
    ObjectNode node = Json.object().put("version", VERSION);
    ArrayNode list = node.putArray("files");
    for (Entry file : files) {
      list.addObject()
          .put("name", file.name())
          .put("bytes", file.bytes())
          .put("crc32c", HexFormat.of().toHexDigits((int) file.crc32c()));
    }
    DurableFiles.replace(folder.resolve(FILE), Json.pretty(node));
  }

  static Manifest read(Path folder) throws IOException, Malformed {
    JsonNode node;
    try {
      node = Json.MAPPER.readTree(Files.readAllBytes(folder.resolve(FILE)));
    } catch (JacksonException e) {
      throw new Malformed("it is not JSON");
    }
    if (node.path("version").asInt() != VERSION) {
      throw new Malformed("version " + node.path("version") + " is not " + VERSION);
    }
    List<Entry> files = new ArrayList<>();
    for (JsonNode file : node.path("files")) {
      String name = file.path("name").asText();
      String crc = file.path("crc32c").asText();
      if (!name.matches("[A-Za-z0-9_.-]+") || !crc.matches("[0-9a-f]{8}")) {
        throw new Malformed("an entry is not a file's: " + file);
      }
      files.add(new Entry(name, file.path("bytes").asLong(-1), HexFormat.fromHexDigitsToLong(crc)));
    }
    if (files.isEmpty()) {
      throw new Malformed("it lists no files");
    }
    return new Manifest(files);
  }

  /**
   * What is wrong with the files, as "NAME is …"; empty if nothing is. Looks at sizes first, then
   * reads everything.
   */
  Optional<String> findDamage(Path folder) {
    return files.stream()
        .map(file -> wrongSize(folder, file))
        .flatMap(Optional::stream)
        .findFirst()
        .or(
            () ->
                files.parallelStream()
                    .map(file -> wrongChecksum(folder, file))
                    .flatMap(Optional::stream)
                    .findFirst());
  }

  private static Optional<String> wrongSize(Path folder, Entry file) {
    try {
      long size = Files.size(folder.resolve(file.name()));
      if (size == file.bytes()) {
        return Optional.empty();
      }
      return Optional.of(
          "%s is %s (it has %d bytes, the manifest says %d)"
              .formatted(
                  file.name(), size < file.bytes() ? "truncated" : "too long", size, file.bytes()));
    } catch (IOException e) {
      return Optional.of("%s is missing (%s)".formatted(file.name(), DurableFiles.reason(e)));
    }
  }

  private static Optional<String> wrongChecksum(Path folder, Entry file) {
    try {
      long crc = FileChecksum.crc32c(folder.resolve(file.name()));
      if (crc == file.crc32c()) {
        return Optional.empty();
      }
      return Optional.of(
          "%s is damaged (its CRC-32C is %08x, the manifest says %08x)"
              .formatted(file.name(), crc, file.crc32c()));
    } catch (IOException e) {
      return Optional.of("%s is unreadable (%s)".formatted(file.name(), DurableFiles.reason(e)));
    }
  }
}
