package io.gptjava.train.corpus;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.luben.zstd.Zstd;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.train.data.TextCorpus;
import io.gptjava.train.data.TokenBuffer;
import io.gptjava.train.data.TokenFile;
import io.gptjava.train.data.TokenSource;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardJobTest {
  private static final Gpt2Tokenizer TOKENIZER = new Gpt2Tokenizer();
  private static final Cleaning ALL =
      new Cleaning(Optional.of(Normalizer.Form.NFKC), Optional.of(""), true, true);
  private static String text;
  private static final String MARKER = Gpt2Tokenizer.END_OF_TEXT;
  private boolean cleanDivided;

  @TempDir Path folder;

  @BeforeAll
  static void makeText() {
    Random random = new Random(5);
    String[] words = {
      "the ",
      "lighthouse",
      " keeper's\n",
      "don't ",
      "42",
      "  ",
      "\n\n",
      "é",
      "萧炎，",
      "🙂",
      " https://a.example/b\u0007 "
    };
    StringBuilder made = new StringBuilder();
    while (made.length() < 560_000) {
      made.append(words[random.nextInt(words.length)]);
    }
    text = made.toString();
  }

  /** Counts shards; asks nothing. */
  private static final class Quiet implements ShardJob.Progress {
    private final List<Integer> shards = new ArrayList<>();
    private long resumedAt = -1;

    @Override
    public void resumed(long tokens) {
      resumedAt = tokens;
    }

    @Override
    public void advanced(long fileBytes, long tokens) {}

    @Override
    public void shard(Path file, int tokens) {
      shards.add(tokens);
    }
  }

  private ShardJob.Settings settings(
      String out, int shardTokens, long validation, double ratio, int threads, Path... files) {
    // Where the characters decide, the text is cleaned as well.
    Cleaning cleaning = ratio < 1 && cleanDivided ? ALL : Cleaning.NONE;
    CorpusFiles corpus = new CorpusFiles(List.of(files), "text", cleaning, 1000);
    return new ShardJob.Settings(
        corpus, folder.resolve(out), shardTokens, validation, ratio, threads);
  }

  private static ShardJob.Outcome run(ShardJob.Settings settings, BooleanSupplier stop) {
    return new ShardJob(settings, TOKENIZER, new Quiet(), stop).run();
  }

  private static int[] tokens(TokenSource source) {
    int[] all = new int[Math.toIntExact(source.size())];
    source.copy(0, all, 0, all.length);
    return all;
  }

  private static int[] encode(Path... files) {
    return tokens(TextCorpus.open(List.of(files)).tokens(TOKENIZER, 2));
  }

  private int[] read(String out, String split) throws IOException {
    TokenBuffer all = new TokenBuffer();
    for (Path file : list(folder.resolve(out)).values()) {
      if (file.getFileName().toString().startsWith(split)) {
        try (TokenFile shard = TokenFile.open(file, TOKENIZER.vocabularySize())) {
          all.add(tokens(shard));
        }
      }
    }
    return tokens(all);
  }

  private static TreeMap<String, Path> list(Path folder) throws IOException {
    TreeMap<String, Path> files = new TreeMap<>();
    try (var all = Files.list(folder)) {
      all.forEach(file -> files.put(file.getFileName().toString(), file));
    }
    return files;
  }

  private Path write(String name, String content) throws IOException {
    return Files.writeString(folder.resolve(name), content);
  }

  private static void assertSameFolders(Path expected, Path actual) throws IOException {
    TreeMap<String, Path> files = list(expected);
    assertEquals(files.keySet(), list(actual).keySet());
    for (String name : files.keySet()) {
      if (name.endsWith(".bin")) {
        assertEquals(-1, Files.mismatch(files.get(name), actual.resolve(name)), name);
      }
    }
  }

  @Test
  void shardsAreTheWholeTextWhateverTheThreads() throws IOException {
    Path one = write("one.txt", text);
    Path empty = write("empty.txt", "");
    Path two = write("two.txt", "A short one.");
    int[] expected = encode(one, empty, two);
    Quiet progress = new Quiet();
    ShardJob.Settings single = settings("single", 100_000, 0, 1, 1, one, empty, two);
    assertEquals(
        ShardJob.Outcome.FINISHED, new ShardJob(single, TOKENIZER, progress, () -> false).run());
    assertArrayEquals(expected, read("single", "train"));
    assertEquals((expected.length + 99_999) / 100_000, progress.shards.size());
    run(settings("three", 100_000, 0, 1, 3, one, empty, two), () -> false);
    assertSameFolders(folder.resolve("single"), folder.resolve("three"));
  }

  @Test
  void theFirstTokensOrTheLastCharactersAreForValidation() throws IOException {
    Path one = write("one.txt", text.substring(0, 300_000));
    Path two = write("two.txt", text.substring(300_000, 310_000));
    int[] expected = encode(one, two);
    run(settings("tokens", 20_000, 30_000, 1, 2, one, two), () -> false);
    int[] validation = read("tokens", "val");
    assertEquals(30_000, validation.length);
    assertArrayEquals(Arrays.copyOf(expected, 30_000), validation);
    assertArrayEquals(
        Arrays.copyOfRange(expected, 30_000, expected.length), read("tokens", "train"));

    TextCorpus corpus = TextCorpus.open(List.of(one, two));
    // The second ratio would cut the marker between the two texts in two.
    for (double ratio :
        new double[] {0.4, (corpus.characters() - 10_005.0) / corpus.characters()}) {
      String out = "ratio" + ratio;
      long cut = corpus.splitAt(ratio);
      run(settings(out, 1 << 20, 0, ratio, 2, one, two), () -> false);
      assertArrayEquals(tokens(corpus.tokens(TOKENIZER, 0, cut, 1)), read(out, "train"));
      assertArrayEquals(
          tokens(corpus.tokens(TOKENIZER, cut, corpus.characters(), 1)), read(out, "val"));
    }
  }

  @Test
  void anInterruptedJobGoesOnWithoutLossOrRepetition() throws IOException {
    Path one = write("one.txt", text);
    Path two = write("two.jsonl", json(text.substring(0, 250_000)) + json("") + json("end"));
    cleanDivided = true;
    for (double ratio : new double[] {1, 0.7}) {
      AtomicInteger asks = new AtomicInteger();
      run(
          settings("whole" + ratio, 50_000, 0, ratio, 2, one, two),
          () -> asks.incrementAndGet() < 0);
      ShardJob.Settings settings = settings("pieces" + ratio, 50_000, 0, ratio, 2, one, two);
      int runs = 0;
      ShardJob.Outcome outcome;
      do {
        AtomicInteger asked = new AtomicInteger();
        // Finding where to divide asks as often as writing, and starts over when it is stopped.
        int patience = ratio < 1 && runs == 0 ? asks.get() / 2 + 1 : 1;
        outcome = run(settings, () -> asked.incrementAndGet() >= patience);
        runs++;
        if (outcome == ShardJob.Outcome.STOPPED) {
          tamper(settings.out());
        }
      } while (outcome == ShardJob.Outcome.STOPPED && runs < 50);
      assertEquals(ShardJob.Outcome.FINISHED, outcome);
      assertTrue(runs > 2, runs + " runs");
      assertSameFolders(folder.resolve("whole" + ratio), settings.out());
      if (ratio < 1) {
        String parts = text + MARKER + text.substring(0, 250_000) + MARKER + MARKER + "end";
        String clean = ALL.apply(parts);
        int division = (int) (0.7 * clean.codePointCount(0, clean.length()));
        String first = clean.substring(0, clean.offsetByCodePoints(0, division));
        assertArrayEquals(TOKENIZER.encode(first), read("pieces" + ratio, "train"));
      }
      assertEquals(ShardJob.Outcome.COMPLETE_ALREADY, run(settings, () -> false));
    }
  }

  /** What a process leaves that was killed after the journal was written: more tokens. */
  private static void tamper(Path out) throws IOException {
    for (Path file : list(out).values()) {
      if (file.getFileName().toString().startsWith(".tmp-")) {
        try (OutputStream more = Files.newOutputStream(file, StandardOpenOption.APPEND)) {
          more.write(new byte[7]);
        }
        Path whole = file.resolveSibling(file.getFileName().toString().substring(5));
        Files.move(file, whole);
      }
    }
  }

  private static String json(String document) {
    return new ObjectMapper().createObjectNode().put("id", 7).put("text", document) + "\n";
  }

  @Test
  void jsonLinesCompressedOrNotAreTheDocumentsJoined() throws IOException {
    String lines = json("First.\r\nLine") + "\n" + json("") + json("Third \u00e9\ud83d\ude42");
    Path plain = write("a.jsonl", lines);
    Path zipped = folder.resolve("a.jsonl.gz");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(zipped))) {
      out.write(lines.getBytes(StandardCharsets.UTF_8));
    }
    Path zstd = folder.resolve("A.NDJSON.ZST");
    Files.write(zstd, Zstd.compress(Files.readAllBytes(plain)));
    int[] expected =
        TOKENIZER.encode("First.\r\nLine<|endoftext|><|endoftext|>Third \u00e9\ud83d\ude42");
    int i = 0;
    for (Path file : List.of(plain, zipped, zstd)) {
      String out = "out" + i++;
      run(settings(out, 1000, 0, 1, 1, file), () -> false);
      assertArrayEquals(expected, read(out, "train"), file.toString());
    }
  }

  @Test
  void badInputIsNamedAndWhatWasDoneBeforeItIsKept() throws IOException {
    Path good = write("good.txt", text);
    Path bad = folder.resolve("bad.jsonl");
    Files.writeString(bad, json("fine") + "{\"text\": 1}\n");
    ShardJob.Settings both = settings("both", 50_000, 0, 1, 2, good, bad);
    GptException e = assertThrows(GptException.class, () -> run(both, () -> false));
    assertEquals(Failure.DATA, e.failure());
    assertTrue(
        e.getMessage().contains("bad.jsonl: line 2 has no text in \"text\""), e.getMessage());
    assertTrue(e.getMessage().contains("the same command goes on there"), e.getMessage());
    Files.writeString(bad, json("fine") + json("mended"));
    Quiet progress = new Quiet();
    new ShardJob(both, TOKENIZER, progress, () -> false).run();
    assertTrue(progress.resumedAt > 50_000, "began again at " + progress.resumedAt);
    int[] expected = TOKENIZER.encode(text + "<|endoftext|>fine<|endoftext|>mended");
    assertArrayEquals(expected, read("both", "train"));

    Path first = Files.write(folder.resolve("first.txt"), new byte[] {'a', 'b', (byte) 0xFF});
    ShardJob.Settings nothing = settings("nothing", 50_000, 0, 1, 2, first, good);
    e = assertThrows(GptException.class, () -> run(nothing, () -> false));
    assertTrue(e.getMessage().contains("first.txt is not UTF-8"), e.getMessage());
    assertTrue(e.getMessage().contains("offset 2"), e.getMessage());
    assertFalse(Files.exists(nothing.out()), "an empty folder was left");
  }

  @Test
  void aFolderOfOtherTextOrSettingsIsRefused() throws IOException {
    Path one = write("one.txt", text);
    ShardJob.Settings settings = settings("out", 50_000, 0, 1, 1, one);
    assertEquals(ShardJob.Outcome.STOPPED, run(settings, () -> true));
    GptException e =
        assertThrows(
            GptException.class, () -> run(settings("out", 60_000, 0, 1, 1, one), () -> false));
    assertEquals(Failure.USAGE, e.failure());
    assertTrue(e.getMessage().contains("begun with other settings"), e.getMessage());
    Files.writeString(one, "Something else.");
    e = assertThrows(GptException.class, () -> run(settings, () -> false));
    assertTrue(e.getMessage().contains("choose another folder"), e.getMessage());
  }

  @Test
  void damagedJournalsAreRefused() throws IOException {
    Path one = write("one.txt", text.substring(0, 300_000));
    ShardJob.Settings settings = settings("out", 1 << 20, 0, 1, 1, one);
    run(settings, () -> true);
    Path journal = settings.out().resolve(TokenizeJournal.NAME);
    byte[] good = Files.readAllBytes(journal);
    Random random = new Random(3);
    for (int i = 0; i < 60; i++) {
      byte[] bytes = good.clone();
      bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      Files.write(journal, i % 3 == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length)) : bytes);
      try {
        TokenizeJournal.read(settings.out());
      } catch (GptException e) {
        assertEquals(Failure.DATA, e.failure(), e.getMessage());
      }
    }
  }
}
