package io.gptjava.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every command that the documentation shows, on a tiny model. */
final class DocumentationTest {
  /** Makes any preset tiny; stronger than a preset and weaker than a flag. */
  private static final Map<String, String> TINY =
      Map.ofEntries(
          Map.entry("GPT_LAYERS", "1"),
          Map.entry("GPT_HEADS", "2"),
          Map.entry("GPT_WIDTH", "16"),
          Map.entry("GPT_CONTEXT_LENGTH", "8"),
          Map.entry("GPT_STEPS", "2"),
          Map.entry("GPT_BATCH_SIZE", "1"),
          Map.entry("GPT_EVAL_BATCHES", "1"),
          Map.entry("GPT_EVAL_EVERY", "2"),
          Map.entry("GPT_SAMPLE_EVERY", "1"),
          Map.entry("GPT_SAMPLE_TOKENS", "2"),
          Map.entry("GPT_TIE_EMBEDDINGS", "true"), // as the GPT-2 that the reader brings
          Map.entry("GPT_BACKEND", "cpu"));

  /** Flags that have to shrink with the model, and files that its reader brings. */
  private static final Map<String, String> INSTEAD =
      Map.of(
          "--save-every 9", "--save-every 1",
          "--save-every 50", "--save-every 1",
          "--from 81", "--from 1",
          "--from 150", "--from 1",
          "--stride 64", "--stride 4",
          "--steps 2", "--steps 1",
          "import hf gpt2/", "import hf story-hf",
          "sequence-length=64,128,256 --steps 5", "sequence-length=4,8 --steps 2",
          "bench kernels", "bench kernels --quick --samples 3",
          "--out runs/story", "--data my-book.txt --out runs/story");

  /** Commands that are parsed and not run, by what they contain, and why. */
  private static final Map<String, String> ONLY_PARSED =
      Map.of(
          "data fetch", "needs the network",
          "--backend cuda", "needs a GPU",
          "--watch 8080", "takes a port that may be in use",
          "import openai", "needs a TensorFlow checkpoint");

  private static final Pattern BLOCK = Pattern.compile("(?ms)^```sh\\n(.*?)^```$");
  private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|(\\S+)");
  private static final Pattern OURS =
      Pattern.compile(
          "(runs|models|corpus|shards|story-hf)(/.*)?|gpt2\\.bin|before\\.json"
              + "|the-verdict\\.txt|my-book\\.txt");

  @TempDir private Path folder;

  @Test
  void theTutorial() throws IOException {
    follow("tutorial.md");
  }

  @Test
  void theHowTos() throws IOException {
    follow("how-to.md");
  }

  private void follow(String page) throws IOException {
    String text = "The sea was calm, and the light on the hill went out at ten. ".repeat(40);
    Files.writeString(folder.resolve("the-verdict.txt"), text);
    Files.writeString(folder.resolve("my-book.txt"), text);
    Files.writeString(Files.createDirectory(folder.resolve("corpus")).resolve("a.txt"), text);
    int commands = 0;
    Matcher block = BLOCK.matcher(Files.readString(Path.of("../docs", page)));
    while (block.find()) {
      for (String line : block.group(1).split("\n")) {
        assertTrue(line.startsWith("./gpt "), line);
        run(line.substring("./gpt ".length()));
        commands++;
      }
    }
    assertTrue(commands >= 10, "commands in " + page + ": " + commands);
  }

  private void run(String line) throws IOException {
    if (ONLY_PARSED.keySet().stream().anyMatch(line::contains)) {
      ReferencePageTest.commands().parseArgs(words(line).toArray(String[]::new));
      return;
    }
    String command = line;
    for (Map.Entry<String, String> entry : INSTEAD.entrySet()) {
      command = command.replaceAll(Pattern.quote(entry.getKey()) + "(?!\\S)", entry.getValue());
    }
    String[] parts = command.split(" > ");
    Cli cli = Cli.run(TINY, words(parts[0]).toArray(String[]::new));
    // So short a measurement may well find a regression.
    boolean slower = line.contains("--baseline") && cli.code() == Failure.REGRESSION.exitCode();
    assertTrue(cli.code() == 0 || slower, () -> line + ": " + cli.code() + "\n" + cli.err());
    if (parts.length > 1) {
      Files.writeString(folder.resolve(parts[1]), cli.out());
    }
  }

  /** A line's words as a shell would split them, our files in the test's folder. */
  private List<String> words(String line) {
    List<String> words = new ArrayList<>();
    Matcher word = WORD.matcher(line);
    while (word.find()) {
      String text = word.group(1) == null ? word.group(2) : word.group(1);
      words.add(OURS.matcher(text).matches() ? folder.resolve(text).toString() : text);
    }
    return words;
  }
}
