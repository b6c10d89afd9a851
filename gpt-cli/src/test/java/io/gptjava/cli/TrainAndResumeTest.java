package io.gptjava.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands one after another on a tiny model, as a user would. */
final class TrainAndResumeTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;
  private Path text;
  private Path run;

  @BeforeEach
  void prepare() throws IOException {
    text = folder.resolve("text with spaces.txt");
    run = folder.resolve("run");
    Files.writeString(text, "The keeper climbed the stairs and lit the lamp. ".repeat(20));
  }

  private Cli train(String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "train",
                "--data",
                text.toString(),
                "--out",
                run.toString(),
                "--layers",
                "1",
                "--heads",
                "2",
                "--width",
                "8",
                "--context-length",
                "8",
                "--batch-size",
                "2",
                "--sample-tokens",
                "3",
                "--eval-batches",
                "1"));
    arguments.addAll(List.of(more));
    return Cli.run(arguments.toArray(String[]::new));
  }

  @Test
  void trainSampleEvaluateInspectPlotResume() throws IOException {
    Cli train =
        train("--steps", "4", "--eval-every", "2", "--sample-every", "0", "--save-every", "2");
    assertEquals(0, train.code(), train.err());
    assertEquals("", train.err());
    assertTrue(train.out().contains("Using cpu device."), train.out());
    assertTrue(train.out().contains("Characters: 960"), train.out());
    assertTrue(train.out().contains("finished after 4 steps"), train.out());
    for (String file : List.of("config.json", "environment.json", "metrics.jsonl", "loss.svg")) {
      assertTrue(Files.size(run.resolve(file)) > 0, file);
    }
    JsonNode config = JSON.readTree(run.resolve("config.json").toFile());
    assertEquals(4, config.path("steps").path("value").asInt());
    assertEquals("flag", config.path("steps").path("origin").asText());
    assertEquals("preset story", config.path("lr").path("origin").asText());
    assertTrue(Path.of(config.path("data").path("value").path(0).asText()).isAbsolute());

    Cli finished = Cli.run("resume", run.toString());
    assertEquals(0, finished.code(), finished.err());
    assertTrue(finished.out().contains("is finished (4 steps)"), finished.out());
    assertEquals(finished, Cli.run("resume", run.toString(), "--from", "4"));

    Cli greedy =
        Cli.run(
            "generate",
            run.toString(),
            "--prompt",
            "The keeper",
            "--temperature",
            "0",
            "--max-new-tokens",
            "4",
            "--json");
    assertEquals(0, greedy.code(), greedy.err());
    JsonNode sample = JSON.readTree(greedy.out());
    assertTrue(sample.path("text").asText().startsWith("The keeper"), greedy.out());
    Cli streamed =
        Cli.run(
            "generate",
            run.toString(),
            "--prompt",
            "The keeper",
            "--temperature",
            "0",
            "--max-new-tokens",
            "4");
    assertEquals(sample.path("text").asText() + "\n", streamed.out());

    Cli evaluate = Cli.run("evaluate", run.toString(), "--data", text.toString(), "--json");
    assertEquals(0, evaluate.code(), evaluate.err());
    JsonNode result = JSON.readTree(evaluate.out());
    assertEquals(
        Math.exp(result.path("loss").asDouble()), result.path("perplexity").asDouble(), 1e-6);
    assertTrue(result.path("tokens").asLong() > 100, evaluate.out());

    assertTrue(Cli.run("inspect", run.toString()).out().contains("2, 4"));
    Path chart = folder.resolve("chart.html");
    assertEquals(0, Cli.run("plot", run.toString(), "--out", chart.toString()).code());
    assertTrue(Files.readString(chart).contains("uPlot"));
    assertEquals(
        run.resolve("report.html") + "\n", Cli.run("plot", run.toString(), "--html").out());
    JsonNode memory = JSON.readTree(run.resolve("memory.json").toFile());
    assertTrue(memory.path("total_bytes").asLong() > 0);
  }

  /** Trackers' files, a live page, and the comparison of the run with what it was resumed from. */
  @Test
  void trackersFollowARunThroughItsResumption() throws IOException {
    int port = freePort();
    Cli train =
        train(
            "--steps",
            "4",
            "--eval-every",
            "2",
            "--sample-every",
            "0",
            "--save-every",
            "2",
            "--log",
            "jsonl,tensorboard,csv",
            "--watch",
            Integer.toString(port));
    assertEquals(0, train.code(), train.err());
    assertTrue(
        train.out().contains("Live page: http://127.0.0.1:%d/".formatted(port)), train.out());
    assertEquals(5, Files.readAllLines(run.resolve("metrics.csv")).size());
    assertEquals(1, eventFiles());
    assertTrue(Files.readString(run.resolve("report.html")).contains("\"status\":\"finished\""));
    Path before = folder.resolve("before");
    Files.createDirectory(before);
    for (String file : List.of("config.json", "environment.json", "metrics.jsonl")) {
      Files.copy(run.resolve(file), before.resolve(file));
    }

    Cli resume =
        Cli.run(
            "resume", run.toString(), "--from", "2", "--json", "--watch", Integer.toString(port));
    assertEquals(0, resume.code(), resume.err());
    assertEquals("Live page: http://127.0.0.1:%d/\n".formatted(port), resume.err());
    assertEquals(2, eventFiles());
    assertEquals(5, Files.readAllLines(run.resolve("metrics.csv")).size());

    Path page = folder.resolve("compare.html");
    Cli compare = Cli.run("compare", before.toString(), run.toString(), "--html", page.toString());
    assertEquals(0, compare.code(), compare.err());
    assertTrue(compare.out().contains("training loss, step 3"), compare.out());
    assertTrue(compare.out().contains("+0.0000"), compare.out());
    assertTrue(compare.out().contains("Configuration: the same"), compare.out());
    assertTrue(Files.readString(page).contains("\"title\":\"before, run\""));
    Cli json = Cli.run("compare", before.toString(), run.toString(), "--json");
    JsonNode both = JSON.readTree(json.out());
    assertEquals(both.at("/a/training_loss"), both.at("/b/training_loss"));
    assertEquals(2, both.path("evaluation_step").asInt());
  }

  private long eventFiles() throws IOException {
    try (var files = Files.list(run)) {
      return files.filter(f -> f.getFileName().toString().contains("tfevents")).count();
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      return socket.getLocalPort();
    }
  }

  /** With other recomputation, too. */
  @Test
  void resumeFromAnEarlierCheckpointGivesTheSameBytes() throws IOException {
    assertEquals(
        0, train("--steps", "5", "--save-every", "2", "--eval-every", "0", "--quiet").code());
    Path weights = run.resolve("checkpoints/000005/model.safetensors");
    byte[] before = Files.readAllBytes(weights);
    Cli resume = Cli.run("resume", run.toString(), "--from", "2", "--recompute", "block", "--json");
    assertEquals(0, resume.code(), resume.err());
    assertTrue(resume.out().lines().findFirst().orElseThrow().contains("\"resumed_from\":2"));
    assertEquals(-1, Arrays.mismatch(before, Files.readAllBytes(weights)));
    long steps =
        Files.readAllLines(run.resolve("metrics.jsonl")).stream()
            .filter(line -> line.contains("\"event\":\"step\""))
            .count();
    assertEquals(5, steps);
  }

  @Test
  void jsonPrintsTheLogsLines() throws IOException {
    Cli train = train("--steps", "2", "--eval-every", "0", "--sample-every", "0", "--json");
    assertEquals(0, train.code(), train.err());
    assertEquals(Files.readAllLines(run.resolve("metrics.jsonl")), train.out().lines().toList());
  }

  @Test
  void tokenizedTextTrainsLikeTheText() throws IOException {
    Path shards = folder.resolve("shards");
    Cli tokenize = Cli.run("tokenize", text.toString(), "--out", shards.toString());
    assertEquals(0, tokenize.code(), tokenize.err());
    Cli again = Cli.run("tokenize", text.toString(), "--out", shards.toString());
    assertEquals(2, again.code());
    Cli inspect = Cli.run("inspect", shards.resolve("train_000000.bin").toString());
    assertTrue(inspect.out().contains("The keeper climbed"), inspect.out());
    String[] plain = {"--steps", "2", "--train-ratio", "1.0", "--sample-every", "0", "--quiet"};
    assertEquals(0, train(plain).code());
    byte[] fromText = Files.readAllBytes(run.resolve("checkpoints/000002/model.safetensors"));
    text = shards;
    run = folder.resolve("run2");
    assertEquals(0, train(plain).code());
    byte[] fromShards = Files.readAllBytes(run.resolve("checkpoints/000002/model.safetensors"));
    assertEquals(-1, Arrays.mismatch(fromText, fromShards));
  }

  @Test
  void shardsOfBothSplitsAreListedAndSaidHowToUse() throws IOException {
    Path shards = folder.resolve("two splits");
    Cli tokenize =
        Cli.run("tokenize", text.toString(), "--out", shards.toString(), "--train-ratio", "0.5");
    assertEquals(0, tokenize.code(), tokenize.err());
    assertEquals(
        "Train with: ./gpt train --data '%s/train_*.bin' --val-data '%s/val_*.bin'\n"
            .formatted(shards, shards),
        tokenize.err());
    Cli inspect = Cli.run("inspect", shards.toString());
    assertEquals(0, inspect.code(), inspect.err());
    assertTrue(inspect.out().contains("val_000000.bin"), inspect.out());
    Cli nothing = Cli.run("inspect", folder.toString());
    assertEquals(3, nothing.code());
    assertEquals("", nothing.out());
  }

  @Test
  void aProfiledRunTrainsAlikeAndHasATimelineOfAStep() throws IOException {
    String[] asked = {"--steps", "5", "--eval-every", "1", "--accumulate", "2"};
    assertEquals(0, train(asked).code());
    double loss = lastEvent().path("last_val_loss").asDouble();
    run = folder.resolve("profiled");
    Cli profiled =
        train(Stream.concat(Stream.of(asked), Stream.of("--profile")).toArray(String[]::new));
    assertEquals(0, profiled.code(), profiled.err());
    assertEquals(loss, lastEvent().path("last_val_loss").asDouble());
    assertTrue(profiled.out().contains("  adamW "), profiled.out());
    assertTrue(profiled.out().contains("median of 3\n"), profiled.out());
    List<String> ops =
        JSON.readTree(run.resolve("trace.json").toFile())
            .path("traceEvents")
            .valueStream()
            .filter(
                event -> event.path("tid").asInt() == 2 && event.path("ph").asText().equals("X"))
            .map(event -> event.path("name").asText())
            .toList();
    // Two micro-batches of one layer, and nothing of the evaluations between the steps.
    assertEquals(2, ops.stream().filter(op -> op.equals("attention")).count());
    assertEquals("embedding", ops.getFirst());
    assertEquals("adamW", ops.getLast());
  }

  @Test
  void aRunThatStoppedByItselfSaysSo() throws IOException {
    String[] patient = {
      "--steps",
      "9",
      "--lr",
      "0",
      "--eval-every",
      "1",
      "--stop-after-no-improvement",
      "2",
      "--save-every",
      "0"
    };
    assertEquals(0, train(patient).code());
    JsonNode end = lastEvent();
    assertEquals("end", end.path("event").asText());
    assertEquals("no improvement", end.path("reason").asText());
    assertEquals(3, end.path("steps").asInt());
    assertEquals(1, end.path("best_step").asInt());
    assertTrue(Files.isDirectory(run.resolve("checkpoints/000001")), "the best is kept");
    assertEquals(end.path("last_val_loss"), end.path("best_val_loss"));
    assertTrue(end.path("training_seconds").asDouble() < end.path("seconds").asDouble());
    assertTrue(end.path("tokens_per_second").asDouble() > 0, end.toString());
    assertTrue(end.path("mfu_datasheet").isNull(), end.toString());
    assertTrue(end.path("peak_memory_bytes").asLong() > 1 << 20, end.toString());
    Cli resume = Cli.run("resume", run.toString());
    assertEquals(0, resume.code(), resume.err());
    assertEquals(
        run + " stopped by itself after 3 of 9 steps: no improvement; nothing to do\n",
        resume.out());
  }

  private JsonNode lastEvent() throws IOException {
    return JSON.readTree(Files.readAllLines(run.resolve("metrics.jsonl")).getLast());
  }

  /** The first update leaves weights that no data is good enough for. */
  @Test
  void leavingDataOutInVainEndsWithSix() throws IOException {
    Cli train =
        train("--steps", "20", "--lr", "1e30", "--warmup-ratio", "0", "--on-nan", "rollback");
    assertEquals(6, train.code(), train.err());
    assertEquals(3, train.err().lines().filter(l -> l.endsWith("its data is left out")).count());
    assertTrue(train.err().contains("leaving data out 3 times in a row"), train.err());
    assertEquals("diverged", lastEvent().path("reason").asText());
    assertTrue(Files.isDirectory(run.resolve("checkpoints/000001")), "the checkpoint is kept");
  }

  /** Fourteen windows of 8 tokens: whole, since a CPU can use a thousand. */
  @Test
  void aBatchThatNobodyGaveIsChosenAndKept() throws IOException {
    String shape = "--layers 1 --heads 2 --width 8 --context-length 8 --save-every 2";
    String watch = "--eval-every 0 --sample-every 0 --steps 4 --total-batch-tokens 112";
    List<String> arguments = new ArrayList<>(List.of("train", "--data", text.toString()));
    arguments.addAll(List.of("--out", run.toString()));
    arguments.addAll(List.of((shape + " " + watch).split(" ")));
    Cli train = Cli.run(arguments.toArray(String[]::new));
    assertEquals(0, train.code(), train.err());
    String told = "Batch size: 14 sequences of 8 tokens, 1 times a step (the whole step)";
    assertEquals(1, train.out().lines().filter(told::equals).count(), train.out());
    ObjectNode config = (ObjectNode) JSON.readTree(run.resolve("config.json").toFile());
    assertEquals(14, config.at("/batch-size/value").asInt());
    assertEquals("automatic", config.at("/batch-size/origin").asText());
    byte[] before = Files.readAllBytes(run.resolve("checkpoints/000004/model.safetensors"));
    config.remove(List.of("spike-guard", "spike-threshold", "spike-window")); // an older version's
    JSON.writeValue(run.resolve("config.json").toFile(), config);
    Cli resume = Cli.run("resume", run.toString(), "--from", "2");
    assertEquals(0, resume.code(), resume.err());
    assertFalse(resume.out().contains("Batch size:"), resume.out());
    byte[] after = Files.readAllBytes(run.resolve("checkpoints/000004/model.safetensors"));
    assertEquals(-1, Arrays.mismatch(before, after));
  }

  @Test
  void theCommandToGoOnWithCanBeCopied() throws IOException {
    run = folder.resolve("run of mine");
    Cli train =
        train(
            "--steps", "1", "--eval-every", "0", "--sample-every", "0", "--sample-prompt", "It's");
    assertEquals(0, train.code(), train.err());
    assertTrue(
        train.out().endsWith("./gpt generate '%s' --prompt 'It'\\''s'\n".formatted(run)),
        train.out());
  }

  @Test
  void tooLittleTextLeavesNoRun() throws IOException {
    Files.writeString(text, "Too short.");
    Cli train = train();
    assertEquals(3, train.code());
    assertTrue(train.err().startsWith("Not enough tokens for the"), train.err());
    assertFalse(Files.exists(run), "a run without data was begun");
  }

  @Test
  void shardsNamedForValidationAreSaidToBe() {
    Path shards = folder.resolve("shards");
    Cli tokenize =
        Cli.run("tokenize", text.toString(), "--out", shards.toString(), "--train-ratio", "0.8");
    assertEquals(0, tokenize.code(), tokenize.err());
    text = shards;
    Cli train = train("--steps", "1");
    assertEquals(0, train.code(), train.err());
    assertTrue(
        train.out().contains("Validation data by name, not trained on: val_000000.bin"),
        train.out());
  }

  @Test
  void tooLittleTextToEvaluateSpeaksOfEvaluation() throws IOException {
    assertEquals(0, train("--steps", "1", "--quiet", "--eval-every", "0").code());
    Path little = folder.resolve("little.txt");
    Files.writeString(little, "Too short.");
    Cli evaluate = Cli.run("evaluate", run.toString(), "--data", little.toString());
    assertEquals(3, evaluate.code());
    assertTrue(
        evaluate.err().startsWith("Not enough tokens for the evaluation loader"), evaluate.err());
  }

  @Test
  void initFromTakesShapeAndWeights() throws IOException {
    assertEquals(0, train("--steps", "1", "--quiet", "--eval-every", "0").code());
    Path next = folder.resolve("next");
    Cli train =
        Cli.run(
            "train",
            "--data",
            text.toString(),
            "--out",
            next.toString(),
            "--init-from",
            run.toString(),
            "--batch-size",
            "2",
            "--steps",
            "1",
            "--lr",
            "0",
            "--sample-every",
            "0",
            "--weight-decay",
            "0",
            "--quiet");
    assertEquals(0, train.code(), train.err());
    assertEquals(
        -1,
        Files.mismatch(
            run.resolve("checkpoints/000001/model.safetensors"),
            next.resolve("checkpoints/000001/model.safetensors")));
    Cli other = Cli.run("train", "--init-from", run.toString(), "--layers", "3", "--dry-run");
    assertEquals(2, other.code());
    assertTrue(other.err().contains("--layers 3 contradicts --init-from"), other.err());
  }
}
