package io.gptjava.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.GptConfig;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.run.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The README's program, run, and compared with what the README shows. */
class LibraryExampleTest {
  private static final String BEGIN = "    // example begins\n";
  private static final String END = "    // example ends\n";

  private final List<Double> losses = new ArrayList<>();

  private void example(Path text, Path out) {
    // example begins
    GptConfig model = new GptConfig(50_257, 32, 32, 2, 2, 0.1f, true, true);
    TrainConfig config = TrainConfig.of(model, 60, text);
    TrainingListener printer =
        event -> {
          switch (event) {
            case TrainingEvent.Step step -> losses.add(step.loss());
            case TrainingEvent.Evaluated e ->
                System.out.println("validation " + e.validationLoss());
            default -> {}
          }
        };
    try (Backend backend = Backends.open("auto", BackendOptions.DEFAULT);
        TrainingRun run = TrainingRun.create(backend, config, out, printer)) {
      run.train();
    }
    // example ends
  }

  @Test
  void trains(@TempDir Path temporary) throws IOException {
    Path text = temporary.resolve("text.txt");
    Files.writeString(text, "The tide came in, and the tide went out again. ".repeat(300));
    example(text, temporary.resolve("out"));
    assertEquals(60, losses.size());
    assertTrue(losses.getFirst() > 10.5, "begins near ln 50257");
    assertTrue(losses.getLast() < losses.getFirst() - 2, "has fallen to " + losses.getLast());
    assertTrue(Files.exists(temporary.resolve("out/checkpoints/000060/model.safetensors")));
  }

  @Test
  void isWhatTheReadmeShows() throws IOException {
    Path module = Path.of("").toAbsolutePath();
    String source =
        Files.readString(module.resolve("src/test/java/io/gptjava/train/LibraryExampleTest.java"));
    String body = source.substring(source.indexOf(BEGIN) + BEGIN.length(), source.indexOf(END));
    String readme = Files.readString(module.resolveSibling("README.md"));
    // stripIndent would take the empty line after the last newline for the least indented.
    String example = body.stripTrailing().stripIndent() + "\n";
    assertTrue(readme.contains("```java\n" + example + "```"), example);
  }
}
