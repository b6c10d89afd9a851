package io.gptjava.benchmarks.peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * What a comparison keeps: the task, a program for each peer in {@code peers/} (its name is the
 * peer's), why others are skipped in {@code skipped.tsv}, and what was found.
 */
record PeerFolder(Path path) {
  /** The peer that the others are compared with. */
  static final String OURS = "gpt-java";

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Names of the peers' programs, ours first. */
  List<String> peers() throws IOException {
    try (Stream<Path> files = Files.list(path.resolve("peers"))) {
      List<String> others =
          files
              .map(file -> file.getFileName().toString())
              .filter(name -> !name.equals(OURS))
              .sorted()
              .toList();
      return Stream.concat(Stream.of(OURS), others.stream()).toList();
    }
  }

  /** Starts a peer. */
  PeerProcess start(String name, List<String> arguments, String phase, long limitSeconds)
      throws PeerProcess.Failed, IOException {
    Path logs = Files.createDirectories(path.resolve("logs"));
    List<String> command =
        Stream.concat(
                Stream.of(path.resolve("peers").resolve(name).toString(), path.toString()),
                arguments.stream())
            .toList();
    return new PeerProcess(name, command, logs.resolve(name + "-" + phase + ".err"), limitSeconds);
  }

  /** Notes that a peer is skipped. */
  void skip(String name, String reason) throws IOException {
    String line = name + "\t" + reason.replaceAll("\\s+", " ") + "\n";
    Files.writeString(
        skipped(),
        line,
        java.nio.file.StandardOpenOption.CREATE,
        java.nio.file.StandardOpenOption.APPEND);
  }

  private Path skipped() {
    return path.resolve("skipped.tsv");
  }

  /** Lines of name, tab, reason. */
  List<String> skips() throws IOException {
    return Files.exists(skipped())
        ? Files.readAllLines(skipped()).stream().distinct().toList()
        : List.of();
  }

  /** A result, or an empty object. */
  JsonNode read(String name) throws IOException {
    Path file = path.resolve(name + ".json");
    return Files.exists(file) ? JSON.readTree(Files.readString(file)) : JSON.createObjectNode();
  }

  /** Keeps a result. */
  void write(String name, ObjectNode result) throws IOException {
    Files.writeString(path.resolve(name + ".json"), result.toPrettyString() + "\n");
  }
}
