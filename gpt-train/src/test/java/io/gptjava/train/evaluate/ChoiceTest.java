package io.gptjava.train.evaluate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.Tensor;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.train.config.TrainConfig.Initialization;
import io.gptjava.train.model.Float64GptAccess;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.WeightInitializer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChoiceTest {
  private static final Gpt2Tokenizer TOKENIZER = new Gpt2Tokenizer();
  private static final String LINE =
      "{\"ctx\":\"A man sits.\",\"endings\":[\"he stands\",\"the roof flies away\"],\"label\":%s}\n";

  @TempDir Path folder;

  @Test
  void hellaSwagsLinesAreRead() throws IOException {
    Path file = folder.resolve("a.jsonl");
    Files.writeString(file, LINE.formatted("1") + "\n" + LINE.formatted("\"0\""));
    List<Choice> choices = ChoiceFile.read(file, TOKENIZER);
    assertEquals(2, choices.size());
    assertArrayEquals(TOKENIZER.encode("A man sits."), choices.get(0).context());
    assertArrayEquals(TOKENIZER.encode(" the roof flies away"), choices.get(0).endings().get(1));
    assertEquals(1, choices.get(0).label());
    assertEquals(0, choices.get(1).label());
    refused(file, LINE.formatted("2"), "line 1 has label 2 of 2");
    refused(file, LINE.formatted("null"), "label null");
    refused(file, "{\"ctx\":\"x\",\"endings\":[1],\"label\":0}", "an ending that is no text");
    refused(file, "{\"ctx\":\"\",\"endings\":[\"x\"],\"label\":0}", "no text in \"ctx\"");
    refused(file, "\n", "no example");
  }

  private static void refused(Path file, String content, String reason) throws IOException {
    Files.writeString(file, content);
    GptException e = assertThrows(GptException.class, () -> ChoiceFile.read(file, TOKENIZER));
    assertEquals(Failure.DATA, e.failure());
    assertTrue(e.getMessage().contains(reason), e.getMessage());
  }

  /** Two examples by the format's definition. */
  private static byte[] binary() {
    ByteBuffer bytes = ByteBuffer.allocate(1024 + 2 * 14 + 2 * 11);
    bytes.order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(20240522).putInt(1).putInt(2).putInt(28).position(1024);
    int[] tokens = {
      65535, 28, 0, 1, 2, 3, 10, 11, 12, 1, 20, 2, 30, 31, // two endings
      65535, 22, 1, 0, 1, 2, 50256, 4, 2, 5, 6 // one
    };
    for (int token : tokens) {
      bytes.putChar((char) token);
    }
    return bytes.array();
  }

  @Test
  void llmcsEvaluationFilesAreRead() throws IOException {
    Path file = folder.resolve("a.bin");
    Files.write(file, binary());
    List<Choice> choices = ChoiceFile.read(file, TOKENIZER);
    assertEquals(2, choices.size());
    assertArrayEquals(new int[] {10, 11, 12}, choices.get(0).context());
    assertArrayEquals(new int[] {20}, choices.get(0).endings().get(0));
    assertArrayEquals(new int[] {30, 31}, choices.get(0).endings().get(1));
    assertEquals(1, choices.get(0).label());
    assertArrayEquals(new int[] {50256, 4}, choices.get(1).context());
  }

  /** Whatever the bytes: examples, or an error that people understand. */
  @Test
  void changedFilesAreReadOrRefused() throws IOException {
    Random random = new Random(8);
    ByteArrayOutputStream lines = new ByteArrayOutputStream();
    lines.write(LINE.formatted("1").getBytes(StandardCharsets.UTF_8));
    for (String name : List.of("a.bin", "a.jsonl")) {
      byte[] good = name.endsWith("bin") ? binary() : lines.toByteArray();
      int refused = 0;
      for (int i = 0; i < 120; i++) {
        byte[] bytes = i % 4 == 0 ? Arrays.copyOf(good, random.nextInt(good.length)) : good.clone();
        for (int n = 0; n < 2 && bytes.length > 0; n++) {
          int header = Math.min(bytes.length, 16);
          int tail = Math.min(bytes.length, 1100) - Math.min(bytes.length - 1, 1024);
          int at =
              random.nextBoolean()
                  ? random.nextInt(header)
                  : bytes.length - 1 - random.nextInt(tail);
          bytes[at] = (byte) random.nextInt(256);
        }
        Files.write(folder.resolve(name), bytes);
        try {
          for (Choice choice : ChoiceFile.read(folder.resolve(name), TOKENIZER)) {
            assertTrue(choice.label() < choice.endings().size());
          }
        } catch (GptException e) {
          assertEquals(Failure.DATA, e.failure(), e.getMessage());
          refused++;
        }
      }
      assertTrue(refused > 25, refused + " refused");
    }
  }

  @Test
  void endingsAreScoredByTheirProbabilityAfterTheContext() {
    GptConfig config = new GptConfig(31, 6, 12, 2, 3, 0, true, false);
    try (Backend backend = Backends.open("reference", BackendOptions.DEFAULT)) {
      GptModel model = new GptModel(backend, config, 2, 6, false);
      new WeightInitializer(Initialization.PYTORCH, 5, 2)
          .initialize(backend, model.layout(), model.masters());
      int[] context = {3, 1, 4};
      List<int[]> endings = List.of(new int[] {1, 5}, new int[] {9}, new int[] {2, 6, 5, 3});
      ChoiceScorer scorer = new ChoiceScorer(backend, model);
      double[] scores = scorer.logProbabilities(new Choice(context, endings, 0));
      for (int i = 0; i < 3; i++) {
        assertEquals(
            logProbability(config, model.masters(), context, endings.get(i)), scores[i], 1e-4);
      }
      int best = argmax(scores);
      int bestMean = argmax(new double[] {scores[0] / 2, scores[1], scores[2] / 4});
      List<Choice> examples =
          List.of(
              new Choice(context, endings, best),
              new Choice(context, endings, bestMean),
              new Choice(context, endings, (best + 1) % 3));
      ChoiceScorer.Result result = scorer.score(examples);
      assertEquals(3, result.examples());
      assertEquals(examples.stream().filter(e -> e.label() == best).count(), result.right());
      assertEquals(
          examples.stream().filter(e -> e.label() == bestMean).count(), result.rightNormalised());
    }
  }

  private static int argmax(double[] x) {
    int best = 0;
    for (int i = 1; i < x.length; i++) {
      best = x[i] > x[best] ? i : best;
    }
    return best;
  }

  private static double logProbability(
      GptConfig config, Tensor weights, int[] context, int[] ending) {
    int[] all = Arrays.copyOf(context, context.length + ending.length);
    System.arraycopy(ending, 0, all, context.length, ending.length);
    int skipped = Math.max(0, all.length - 1 - config.contextLength());
    double sum = 0;
    for (int n = context.length; n < all.length; n++) {
      double[] logits =
          Float64GptAccess.lastLogits(config, weights, Arrays.copyOfRange(all, skipped, n));
      double z = Arrays.stream(logits).map(Math::exp).sum();
      sum += logits[all[n]] - Math.log(z);
    }
    return sum;
  }
}
