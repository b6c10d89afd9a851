package io.gptjava.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Commands on data and on a small model, which is trained once. */
class DataCommandsTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final String TEXT =
      "The keeper climbed the stair and lit the lamp. The sea was calm that night. ".repeat(12);

  @TempDir static Path shared;
  private static Path run;
  private static Path text;

  @TempDir Path folder;

  @BeforeAll
  static void train() throws IOException {
    text = Files.writeString(shared.resolve("text.txt"), TEXT);
    run = shared.resolve("run");
    Cli cli = trainInto(run, "--data", text.toString());
    assertEquals(0, cli.code(), cli.err());
  }

  private static Cli trainInto(Path out, String... more) {
    List<String> words =
        new ArrayList<>(
            List.of(
                "train",
                "--layers",
                "1",
                "--width",
                "16",
                "--heads",
                "2",
                "--context-length",
                "16",
                "--batch-size",
                "2",
                "--steps",
                "3",
                "--eval-every",
                "0",
                "--sample-every",
                "0",
                "--quiet",
                "--out",
                out.toString()));
    words.addAll(Arrays.asList(more));
    return Cli.run(words.toArray(String[]::new));
  }

  private static Cli generate(String... more) {
    List<String> words =
        new ArrayList<>(
            List.of("generate", run.toString(), "--max-new-tokens", "6", "--threads", "2"));
    words.addAll(Arrays.asList(more));
    Cli cli = Cli.run(words.toArray(String[]::new));
    assertEquals(0, cli.code(), cli.err());
    return cli;
  }

  private static JsonNode parse(String json) throws IOException {
    return MAPPER.readTree(json);
  }

  @Test
  void promptsAreContinuedAsEachWouldBeAlone() throws IOException {
    Path prompts = Files.writeString(folder.resolve("prompts"), "The sea\n\nA lamp\n");
    Cli alone = generate("--prompt", "A lamp", "--json", "--logprobs");
    Cli together =
        generate("--prompt", "Once", "--prompts-file", prompts.toString(), "--json", "--logprobs");
    List<String> lines = together.out().lines().toList();
    assertEquals(3, lines.size());
    JsonNode expected = parse(alone.out());
    JsonNode actual = parse(lines.get(2));
    for (String key : new String[] {"text", "tokens", "logprobs", "finish_reason"}) {
      assertEquals(expected.get(key), actual.get(key), key);
    }
    assertEquals(6, actual.get("logprobs").size());
    assertTrue(actual.get("logprobs").get(0).asDouble() < 0);
    assertEquals("length", actual.get("finish_reason").asText());
    Cli plain = generate("--prompt", "The sea", "--prompt", "A lamp");
    assertEquals(
        parse(lines.get(1)).get("text").asText() + "\n\n" + expected.get("text").asText() + "\n",
        plain.out());
    assertEquals(2, plain.err().lines().filter(line -> line.contains("tokens/s")).count());
  }

  @Test
  void stopStringsEndTheTextBeforeThem() throws IOException {
    String all = parse(generate("--prompt", "The", "--json").out()).get("text").asText();
    String stop = all.substring(all.length() - 2);
    JsonNode cut = parse(generate("--prompt", "The", "--stop", stop, "--json").out());
    assertEquals(all.substring(0, 3 + all.substring(3).indexOf(stop)), cut.get("text").asText());
    assertEquals("stop", cut.get("finish_reason").asText());
    assertEquals(stop, cut.get("stop").asText());
    assertEquals(2, Cli.run("generate", run.toString()).code());
    Cli empty = Cli.run("generate", run.toString(), "--prompt", "x", "--stop", "");
    assertEquals(2, empty.code());
  }

  @Test
  void slidingWindowsCountEveryToken() throws IOException {
    JsonNode sliding =
        parse(
            Cli.run(
                    "evaluate",
                    run.toString(),
                    "--data",
                    text.toString(),
                    "--stride",
                    "4",
                    "--json")
                .out());
    JsonNode inspected =
        parse(
            Cli.run(
                    "evaluate",
                    run.toString(),
                    "--data",
                    text.toString(),
                    "--stride",
                    "16",
                    "--json")
                .out());
    assertEquals(inspected.get("tokens"), sliding.get("tokens"));
    assertEquals(
        Math.exp(sliding.get("loss").asDouble()),
        sliding.get("perplexity").asDouble(),
        1e-6 * sliding.get("perplexity").asDouble());
    assertFalse(inspected.get("loss").equals(sliding.get("loss")));
    Cli wrong = Cli.run("evaluate", run.toString(), "--data", text.toString(), "--stride", "17");
    assertEquals(2, wrong.code());
    assertTrue(wrong.err().contains("--stride 17"), wrong.err());
  }

  @Test
  void multipleChoiceAndMemorizationAreReported() throws IOException {
    Path examples =
        Files.writeString(
            folder.resolve("a.jsonl"),
            "{\"ctx\":\"The keeper\",\"endings\":[\"climbed\",\"xylophone zzz\"],\"label\":0}\n");
    JsonNode choice =
        parse(
            Cli.run("evaluate", run.toString(), "--multiple-choice", examples.toString(), "--json")
                .out());
    assertEquals(1, choice.get("examples").asInt());
    assertTrue(choice.has("accuracy_norm"));
    Path sample = Files.writeString(folder.resolve("s.txt"), "He said: lit the lamp. The end");
    Cli found = Cli.run("evaluate", "--memorization", sample.toString(), "--data", text.toString());
    assertEquals(0, found.code(), found.err());
    assertTrue(found.out().startsWith("longest run 5 of "), found.out());
    assertTrue(found.out().endsWith("of the data:  lit the lamp. The\n"), found.out());
    assertEquals(2, Cli.run("evaluate", run.toString()).code());
    assertEquals(2, Cli.run("evaluate", "--data", text.toString()).code());
  }

  @Test
  void mixedPaddedAndSeparateDocumentsTrain() throws IOException {
    Path lines = folder.resolve("d.jsonl");
    Files.writeString(
        lines, "{\"text\":\"A short one.\"}\n{\"text\":\"The sea was calm.\"}\n".repeat(9));
    Path out = folder.resolve("out");
    Cli mixed =
        trainInto(
            out,
            "--data",
            text.toString(),
            lines.toString(),
            "--data-weights",
            "0.7,0.3",
            "--document-attention");
    assertEquals(0, mixed.code(), mixed.err());
    assertTrue(Files.readString(out.resolve("config.json")).contains("0.7,0.3"));
    Cli padded =
        trainInto(
            folder.resolve("padded"),
            "--data",
            lines.toString(),
            "--pad-documents",
            "--train-ratio",
            "1",
            "--dry-run");
    assertEquals(0, padded.code(), padded.err());
    assertTrue(padded.out().contains("Batches: 9 training, 0 validation"), padded.out());
    Cli wrong = trainInto(folder.resolve("x"), "--data", text.toString(), "--data-weights", "1,-2");
    assertEquals(2, wrong.code());
    assertTrue(wrong.err().contains("'-2' is not a number above 0"), wrong.err());
  }

  @Test
  void incompleteShardsAreRefusedAndCompleteOnesSaySo() throws IOException {
    Path shards = folder.resolve("shards");
    String[] tokenize = {"tokenize", text.toString(), "--out", shards.toString(), "--resume"};
    assertEquals(0, Cli.run(tokenize).code());
    Cli again = Cli.run(tokenize);
    assertEquals(0, again.code());
    assertTrue(again.err().endsWith("is complete; nothing to do\n"), again.err());
    Path journal = shards.resolve("tokenize.json");
    Files.writeString(
        journal, Files.readString(journal).replace("\"complete\" : true", "\"complete\" : false"));
    Cli train = trainInto(folder.resolve("x"), "--data", shards.toString());
    assertEquals(3, train.code());
    assertTrue(train.err().contains("is incomplete: gpt tokenize was interrupted"), train.err());
  }

  @Test
  void unknownTextsAndOtherFilesAreNotFetched() throws IOException {
    Cli unknown = Cli.run("data", "fetch", "the-verdikt");
    assertEquals(2, unknown.code());
    assertTrue(unknown.err().contains("there are: the-verdict, tinyshakespeare"), unknown.err());
    Cli other = Cli.run("data", "fetch", "the-verdict", "--out", text.toString());
    assertEquals(3, other.code());
    assertTrue(other.err().contains("exists and is not the-verdict"), other.err());
    assertEquals(2, Cli.run("data").code());
  }
}
