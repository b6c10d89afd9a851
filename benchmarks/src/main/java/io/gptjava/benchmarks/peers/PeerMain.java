package io.gptjava.benchmarks.peers;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.benchmarks.Timing;
import io.gptjava.core.GptConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * What {@code peers/run.sh} needs a program for.
 *
 * <ul>
 *   <li>{@code prepare FOLDER MODEL BATCH SEQUENCE BATCHES [TEXT]}: weights and batches; MODEL is
 *       textbook, gpt2 or tiny
 *   <li>{@code parity FOLDER PRECISION THREADS DEVICE STEPS TOLERANCE}: compares the losses; exit
 *       code 1 if they differ by more
 *   <li>{@code time FOLDER PRECISION DROPOUT THREADS DEVICE WARMUP ROUNDS BLOCK}: times the peers
 *       whose losses agreed
 *   <li>{@code llmc FOLDER VERSION LOG WARMUP}: takes in what llm.c printed
 *   <li>{@code report FOLDER OUT}: writes OUT.json and OUT.txt and prints the latter
 * </ul>
 */
public final class PeerMain {
  private PeerMain() {}

  /** Runs one of the commands. */
  public static void main(String[] arguments) throws IOException {
    System.exit(run(arguments));
  }

  static int run(String... arguments) throws IOException {
    List<String> all = Arrays.asList(arguments);
    if (all.size() < 2) {
      System.err.println("usage: PeerMain prepare|parity|time|llmc|report FOLDER …");
      return 2;
    }
    PeerFolder folder = new PeerFolder(Path.of(all.get(1)).toAbsolutePath());
    List<String> rest = all.subList(2, all.size());
    return switch (all.getFirst()) {
      case "prepare" -> prepare(folder, rest);
      case "parity" ->
          PeerParity.check(
                  folder,
                  List.of(rest.get(0), "0", rest.get(1), rest.get(2)),
                  Integer.parseInt(rest.get(3)),
                  Double.parseDouble(rest.get(4)))
              ? 0
              : 1;
      case "time" -> {
        PeerTiming.run(
            folder,
            rest.subList(0, 4),
            new PeerTiming.Plan(
                Integer.parseInt(rest.get(4)),
                Integer.parseInt(rest.get(5)),
                Integer.parseInt(rest.get(6))));
        yield 0;
      }
      case "llmc" -> llmc(folder, rest);
      case "report" -> report(folder, Path.of(rest.getFirst()));
      default -> throw new IllegalArgumentException("no command " + all.getFirst());
    };
  }

  private static int prepare(PeerFolder folder, List<String> rest) throws IOException {
    int sequence = Integer.parseInt(rest.get(2));
    PeerPreparation.write(
        folder.path(),
        model(rest.get(0), sequence),
        Integer.parseInt(rest.get(1)),
        sequence,
        rest.size() > 4 ? Optional.of(Path.of(rest.get(4))) : Optional.empty(),
        Integer.parseInt(rest.get(3)));
    return 0;
  }

  private static GptConfig model(String name, int sequence) {
    return switch (name) {
      case "textbook" ->
          new GptConfig(50_257, Math.max(sequence, 256), 768, 12, 12, 0, false, false);
      case "gpt2" -> new GptConfig(50_257, 1024, 768, 12, 12, 0, true, true);
      case "tiny" -> new GptConfig(50_257, sequence, 32, 2, 2, 0, false, false);
      default ->
          throw new IllegalArgumentException(
              "no model %s; choose one of textbook, gpt2, tiny".formatted(name));
    };
  }

  private static int llmc(PeerFolder folder, List<String> rest) throws IOException {
    LlmcLog log = LlmcLog.parse(Files.readAllLines(Path.of(rest.get(1))));
    Timing timing = log.timing(Integer.parseInt(rest.get(2)));
    long tokens =
        folder.read("task").path("batch_size").longValue()
            * folder.read("task").path("sequence_length").longValue();
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.put("name", "llm.c").put("version", rest.get(0)).put("unit", "ms/step");
    json.put("median", timing.median()).put("min", timing.min()).put("p95", timing.p95());
    json.put("tokens_per_second", tokens / (timing.median() * 1e-3));
    log.losses().forEach(json.putArray("losses")::add);
    folder.write("llmc", json);
    return 0;
  }

  private static int report(PeerFolder folder, Path out) throws IOException {
    ObjectNode json = PeerReport.json(folder);
    String text = PeerReport.text(json);
    Files.writeString(Path.of(out + ".json"), json.toPrettyString() + "\n");
    Files.writeString(Path.of(out + ".txt"), text);
    System.out.print(text);
    return 0;
  }
}
