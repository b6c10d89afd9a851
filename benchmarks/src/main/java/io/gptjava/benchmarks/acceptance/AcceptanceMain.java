package io.gptjava.benchmarks.acceptance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * What {@code acceptance.sh} needs a program for.
 *
 * <ul>
 *   <li>{@code report WORK OUT}: writes {@code acceptance.json} and {@code acceptance.md} of the
 *       steps in WORK
 *   <li>{@code merge OUT FILE…}: the same of several {@code acceptance.json}
 *   <li>{@code parity EXPECTED ACTUAL TOLERANCE}: compares the losses of two {@code metrics.jsonl};
 *       exit code 1 if they differ by more
 * </ul>
 */
public final class AcceptanceMain {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private AcceptanceMain() {}

  /** Runs one of the commands. */
  public static void main(String[] arguments) throws IOException {
    System.exit(run(arguments));
  }

  static int run(String... arguments) throws IOException {
    List<String> rest = Arrays.asList(arguments);
    String command = rest.isEmpty() ? "" : rest.getFirst();
    if (command.equals("report") && rest.size() == 3) {
      ObjectNode root = JSON.createObjectNode();
      root.putArray("runs").add(WorkFolder.read(Path.of(rest.get(1))));
      write(Path.of(rest.get(2)), root);
      return 0;
    }
    if (command.equals("merge") && rest.size() >= 3) {
      ObjectNode root = JSON.createObjectNode();
      for (String file : rest.subList(2, rest.size())) {
        for (JsonNode run : JSON.readTree(Path.of(file).toFile()).path("runs")) {
          root.withArray("runs").add(run);
        }
      }
      write(Path.of(rest.get(1)), root);
      return 0;
    }
    if (command.equals("parity") && rest.size() == 4) {
      LossParity parity =
          LossParity.compare(
              Path.of(rest.get(1)), Path.of(rest.get(2)), Double.parseDouble(rest.get(3)));
      System.out.println(parity.json());
      return parity.holds() ? 0 : 1;
    }
    System.err.println(
        "usage: AcceptanceMain report WORK OUT | merge OUT FILE… | parity EXPECTED ACTUAL TOLERANCE");
    return 2;
  }

  private static void write(Path folder, ObjectNode root) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("acceptance.json"), JSON.writeValueAsString(root) + "\n");
    Files.writeString(folder.resolve("acceptance.md"), AcceptanceMarkdown.of(root));
  }
}
