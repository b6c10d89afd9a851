package io.gptjava.train.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gptjava.core.Failure;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.core.tokenizer.TextEncoder;
import io.gptjava.train.config.DataConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DatasetsTest {
  private static final TextEncoder CHARACTERS = new CharacterEncoder();
  private static final TextEncoder GPT2 = new Gpt2Tokenizer();

  @TempDir Path folder;

  private static DataConfig config(Path train, Path validation, double ratio) {
    return new DataConfig(
        List.of(train),
        validation == null ? List.of() : List.of(validation),
        ratio,
        0,
        2,
        true,
        true);
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  @Test
  void theVerdictAsInTheDocuments() {
    String texts = System.getenv("GPT_TEST_DATA");
    assumeTrue(texts != null, "GPT_TEST_DATA does not name the folder of the trial texts");
    Path file = Path.of(texts, "the-verdict.txt");
    try (Datasets data = Datasets.load(config(file, null, 0.9), 256, 2, 123, GPT2)) {
      assertEquals(20_479, data.characters());
      assertEquals(5_145, data.tokens());
      assertEquals(4_612, data.trainingTokens());
      assertEquals(534, data.validationTokens());
      assertEquals(1, data.documents());
      assertEquals(9, data.training().batches());
      assertEquals(1, data.validation().orElseThrow().batches());
    }
    Errors.expect(
        Failure.DATA,
        () -> Datasets.load(config(file, null, 0.9), 1024, 2, 123, GPT2),
        "Not enough tokens for the validation loader: the split has 534 tokens, --context-length"
            + " is 1024; lower it to 533 or less, lower --train-ratio, or add data");
  }

  @Test
  void tokensOfTheWholeAreCountedWithoutEncodingItAgain() throws IOException {
    Random random = new Random(6);
    String[] pieces = {" ", "  ", "\n", "word", "wörter", "'s", "12", "萧炎", "!", "😀", " a"};
    for (int round = 0; round < 80; round++) {
      StringBuilder text = new StringBuilder();
      boolean noCuts = round % 5 == 0;
      int length = noCuts ? 3000 + random.nextInt(9000) : 40 + random.nextInt(4000);
      while (text.length() < length) {
        text.append(noCuts ? "ab" : pieces[random.nextInt(pieces.length)]);
      }
      Path file = write("text" + round + ".txt", text.toString());
      double ratio = 0.1 + 0.8 * random.nextDouble();
      try (Datasets data = Datasets.load(config(file, null, ratio), 1, 1, 1, GPT2)) {
        int split = text.offsetByCodePoints(0, (int) (ratio * data.characters()));
        assertEquals(GPT2.encode(text.toString()).length, data.tokens());
        assertEquals(GPT2.encode(text.substring(0, split)).length, data.trainingTokens());
        assertEquals(GPT2.encode(text.substring(split)).length, data.validationTokens());
      }
    }
  }

  @Test
  void validationDataOfItsOwnOrNone() throws IOException {
    Path train = write("train.txt", "abcdefghij".repeat(10));
    Path validation = write("validation.txt", "klmno");
    try (Datasets data = Datasets.load(config(train, validation, 0.9), 4, 3, 1, CHARACTERS)) {
      assertEquals(100, data.trainingTokens());
      assertEquals(5, data.validationTokens());
      assertEquals(105, data.tokens());
      assertEquals(105, data.characters());
      assertEquals(2, data.documents());
      BatchSource loader = data.validation().orElseThrow();
      Batch batch = new Batch(3, 4);
      loader.read(0, 0, batch);
      assertEquals(4, batch.targetCount());
      assertEquals('k', batch.tokens()[0]);
      assertEquals('o', batch.targets()[3]);
    }
    try (Datasets data = Datasets.load(config(train, null, 1), 4, 3, 1, CHARACTERS)) {
      assertTrue(data.validation().isEmpty());
      assertEquals(0, data.validationTokens());
      assertEquals(100, data.trainingTokens());
    }
  }

  @Test
  void shardsSplitByTokens() {
    int[] tokens = IntStream.range(0, 1001).toArray();
    TokenFile.write(folder.resolve("b.bin"), TokenBuffer.of(tokens).slice(400, 1001));
    TokenFile.write(folder.resolve("a.bin"), TokenBuffer.of(tokens).slice(0, 400));
    DataConfig config = new DataConfig(List.of(folder), List.of(), 0.9, 0, 0, false, false);
    try (Datasets data = Datasets.load(config, 10, 4, 1, GPT2)) {
      assertEquals(0, data.characters());
      assertEquals(2, data.documents());
      assertEquals(1001, data.tokens());
      assertEquals(900, data.trainingTokens());
      assertEquals(101, data.validationTokens());
      Batch batch = new Batch(4, 10);
      data.training().read(0, 10, batch);
      assertArrayEquals(IntStream.range(400, 440).toArray(), batch.tokens());
      data.validation().orElseThrow().read(0, 0, batch);
      assertEquals(900, batch.tokens()[0]);
    }
  }

  /** As nanoGPT, llm.c and gpt tokenize name them. */
  @Test
  void shardsNamedForValidationAreNeverTrainedOn() {
    int[] tokens = IntStream.range(0, 1000).toArray();
    for (String name : List.of("val.bin", "fineweb_val_000000.bin", "VAL_000001.bin")) {
      Path shards = folder.resolve(name + ".d");
      assertTrue(shards.toFile().mkdir());
      TokenFile.write(shards.resolve("train_000000.bin"), TokenBuffer.of(tokens).slice(0, 600));
      TokenFile.write(shards.resolve("valley.bin"), TokenBuffer.of(tokens).slice(600, 900));
      TokenFile.write(shards.resolve(name), TokenBuffer.of(tokens).slice(900, 1000));
      DataConfig config = new DataConfig(List.of(shards), List.of(), 0.9, 0, 0, false, false);
      try (Datasets data = Datasets.load(config, 10, 4, 1, GPT2)) {
        assertEquals(900, data.trainingTokens());
        assertEquals(100, data.validationTokens());
        assertEquals(1000, data.tokens());
        assertEquals(3, data.documents());
        assertEquals(List.of(shards.resolve(name)), data.validationShards());
        Batch batch = new Batch(4, 10);
        data.validation().orElseThrow().read(0, 0, batch);
        assertEquals(900, batch.tokens()[0]);
      }
      Path other = shards.resolve("valley.bin");
      try (Datasets data = Datasets.load(config(shards, other, 0.9), 10, 4, 1, GPT2)) {
        assertEquals(900, data.trainingTokens());
        assertEquals(300, data.validationTokens());
        assertEquals(List.of(shards.resolve(name)), data.validationShards());
      }
      try (Datasets data = Datasets.forEvaluation(config(shards, null, 1), 10, 4, GPT2)) {
        assertEquals(1000, data.trainingTokens());
      }
      try (Datasets data = Datasets.load(config(shards.resolve(name), null, 1), 10, 4, 1, GPT2)) {
        assertEquals(100, data.trainingTokens(), "named alone, it is what the user wants");
        assertEquals(List.of(), data.validationShards());
      }
    }
  }

  @Test
  void tooLittleTextSaysWhatToChange() throws IOException {
    Path text = write("short.txt", "x".repeat(100));
    Path tiny = write("tiny.txt", "y");
    refuse(
        config(text, null, 0.9),
        200,
        2,
        "Not enough tokens for the training loader: the split has 90 tokens, --context-length is"
            + " 200; lower it to 89 or less, raise --train-ratio, or add data");
    refuse(
        config(text, text, 0.9),
        100,
        2,
        "training loader: the split has 100 tokens, --context-length is 100; lower it to 99 or"
            + " less, or add data");
    refuse(
        config(text, null, 0.9),
        10,
        2,
        "validation loader: the split has 10 tokens, --context-length is 10; lower it to 9 or"
            + " less, lower --train-ratio, or add data");
    refuse(
        config(text, tiny, 0.9),
        10,
        2,
        "validation loader: the split has 1 tokens, --context-length is 10; add data");
    refuse(
        config(text, null, 0.8),
        10,
        9,
        "training loader: the split has 80 tokens, 7 windows of --context-length 10, --batch-size"
            + " is 9; lower it to 7 or less, use --no-drop-last, or add data");
    Errors.expect(
        Failure.DATA,
        () -> Datasets.load(config(text, null, 0.9), 200, "--sequence-length", 2, 1, CHARACTERS),
        "--sequence-length is 200");
    for (double ratio : new double[] {0, -1, 1.1, Double.NaN}) {
      Errors.expect(
          Failure.USAGE,
          () -> Datasets.load(config(text, null, ratio), 2, 2, 1, CHARACTERS),
          "--train-ratio");
    }
    Errors.expect(
        Failure.DATA,
        () -> Datasets.load(config(text, folder.resolve("no.txt"), 0.9), 2, 2, 1, CHARACTERS),
        "--val-data",
        "no.txt");
  }

  private static void refuse(DataConfig config, int sequence, int batchSize, String message) {
    Errors.expect(
        Failure.DATA, () -> Datasets.load(config, sequence, batchSize, 1, CHARACTERS), message);
  }

  @Test
  void noPathsMeanTheStory() {
    assumeTrue(
        Datasets.class.getResource(Datasets.STORY) != null,
        "the bundled story is not on the class path");
    DataConfig config = new DataConfig(List.of(), List.of(), 0.9, 0, 0, true, true);
    try (Datasets data = Datasets.load(config, 64, 2, 1, CHARACTERS)) {
      assertEquals(1, data.documents());
      assertTrue(data.characters() > 1000);
    }
  }
}
