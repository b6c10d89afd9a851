package io.gptjava.train.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.core.tokenizer.TextEncoder;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextCorpusTest {
  private static final TextEncoder CHARACTERS = new CharacterEncoder();

  @TempDir Path folder;

  private Path write(String name, String text) throws IOException {
    Path path = folder.resolve(name);
    Files.createDirectories(path.getParent());
    return Files.writeString(path, text);
  }

  private static int[] all(TokenSource source) {
    int[] tokens = new int[(int) source.size()];
    source.copy(0, tokens, 0, tokens.length);
    return tokens;
  }

  @Test
  void documentsAreJoinedByTheMarker() throws IOException {
    TextCorpus corpus =
        TextCorpus.open(
            List.of(write("a.txt", "one\r\ntwo"), write("b.txt", "萧😀"), write("c.txt", "x")));
    String joined = "one\ntwo<|endoftext|>萧😀<|endoftext|>x";
    assertEquals(3, corpus.documents());
    assertEquals(joined.codePointCount(0, joined.length()), corpus.characters());
    assertEquals(joined, corpus.text(0, corpus.characters()));
    assertArrayEquals(CHARACTERS.encode(joined), all(corpus.tokens(CHARACTERS, 2)));
    for (int from = 0; from <= corpus.characters(); from++) {
      for (int to = from; to <= corpus.characters(); to++) {
        String expected =
            joined.substring(joined.offsetByCodePoints(0, from), joined.offsetByCodePoints(0, to));
        assertEquals(expected, corpus.text(from, to));
      }
    }
  }

  @Test
  void splitsByCharactersButNotInsideAMarkerBetweenDocuments() throws IOException {
    TextCorpus one = TextCorpus.ofText("😀".repeat(10) + "x");
    assertEquals(11, one.characters());
    assertEquals(9, one.splitAt(0.9));
    assertEquals("😀x", one.text(9, 11).substring(0, 3));
    // 4 + 13 + 3 = 20 characters.
    TextCorpus two = TextCorpus.open(List.of(write("a.txt", "abcd"), write("b.txt", "xyz")));
    assertEquals(20, two.characters());
    assertEquals(4, two.splitAt(0.2));
    assertEquals(17, two.splitAt(0.25));
    assertEquals(17, two.splitAt(0.84));
    assertEquals(18, two.splitAt(0.9));
    assertEquals(20, two.splitAt(1));
  }

  @Test
  void largeTextsAreReadInBlocks() throws IOException {
    Gpt2Tokenizer tokenizer = new Gpt2Tokenizer();
    Random random = new Random(1);
    String[] words = {" the", "fox", "\n\n", "  ", "萧炎", "，", "😀", "'s", "<|endoftext|>", " 12"};
    StringBuilder text = new StringBuilder();
    while (text.length() < 5_000_000) {
      text.append(words[random.nextInt(words.length)]);
    }
    Path file = write("large.txt", text.toString());
    TextCorpus corpus = TextCorpus.open(List.of(file));
    assertArrayEquals(tokenizer.encode(text.toString()), all(corpus.tokens(tokenizer, 2)));
  }

  @Test
  void malformedTextIsRefusedWithItsOffset() throws IOException {
    Path file = folder.resolve("latin1.txt");
    Files.write(file, "caf\u00e9".getBytes(StandardCharsets.ISO_8859_1));
    Errors.expect(
        Failure.DATA, () -> TextCorpus.open(List.of(file)), "latin1.txt", "offset 3", "UTF-8");
  }

  @Test
  void directoriesStandForTheTextsBelow() throws IOException {
    write("books/b.txt", "b");
    write("books/a.md", "a");
    write("books/deep/c.TEXT", "c");
    write("books/empty.txt", "");
    write("books/.hidden.txt", "h");
    write("books/.git/x.txt", "h");
    write("books/picture.png", "p");
    DataPaths found = DataPaths.resolve("--data", List.of(folder.resolve("books")));
    assertFalse(found.shards());
    assertEquals(List.of("a.md", "b.txt", "c.TEXT"), names(found));
    DataPaths twice =
        DataPaths.resolve(
            "--data", List.of(folder.resolve("books/picture.png"), folder.resolve("books/deep")));
    assertEquals(List.of("picture.png", "c.TEXT"), names(twice));
  }

  @Test
  void globsStandForTheirMatches() throws IOException {
    write("g/part2.txt", "2");
    write("g/part1.txt", "1");
    write("g/other.csv", "o");
    write("g/deep/part3.txt", "3");
    assertEquals(List.of("part1.txt", "part2.txt"), names(resolve("g/part*.txt")));
    assertEquals(List.of("part3.txt", "part1.txt", "part2.txt"), names(resolve("g/**.txt")));
    assertEquals(List.of("part3.txt"), names(resolve("g/d*/*.txt")));
    assertEquals(List.of("other.csv", "part1.txt"), names(resolve("g/{part1,other}.*")));
    // An existing file is itself, whatever its name.
    write("g/odd[1].txt", "x");
    assertEquals(List.of("odd[1].txt"), names(resolve("g/odd[1].txt")));
    Errors.expect(Failure.DATA, () -> resolve("g/*.json"), "*.json", "matches no file");
    Errors.expect(Failure.DATA, () -> resolve("none/*.txt"), "matches no file");
  }

  private DataPaths resolve(String path) {
    return DataPaths.resolve("--data", List.of(folder.resolve(path)));
  }

  private static List<String> names(DataPaths paths) {
    return paths.files().stream().map(file -> file.getFileName().toString()).toList();
  }

  @Test
  void badPathsAreRefused() throws IOException {
    Errors.expect(Failure.DATA, () -> resolve("none.txt"), "--data", "none.txt", "does not exist");
    write("empty.txt", "");
    Errors.expect(Failure.DATA, () -> resolve("empty.txt"), "empty.txt is empty");
    write("pictures/a.png", "p");
    Errors.expect(Failure.DATA, () -> resolve("pictures"), "holds no text", ".txt");
    write("mixed/a.txt", "p");
    TokenFile.write(folder.resolve("mixed/b.bin"), TokenBuffer.of(1));
    Errors.expect(Failure.DATA, () -> resolve("mixed"), "a.txt", "b.bin", "gpt tokenize");
    assertTrue(resolve("mixed/*.bin").shards());
  }

  @Test
  void jsonLinesAreTheirDocumentsJoinedAndNeverSplitInAMarker() throws IOException {
    Path file = folder.resolve("a.jsonl.gz");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
      out.write("{\"text\":\"héllo\"}\n\n{\"text\":\"wörld\"}\n".getBytes(StandardCharsets.UTF_8));
    }
    TextCorpus corpus = TextCorpus.open(List.of(file));
    assertEquals("héllo<|endoftext|>wörld", corpus.text(0, corpus.characters()));
    assertEquals(4, corpus.splitAt(4.5 / 23));
    assertEquals(5, corpus.splitAt(5.5 / 23));
    for (int at = 6; at < 18; at++) {
      assertEquals(18, corpus.splitAt((at + 0.5) / 23), "split at " + at);
    }
    assertEquals(19, corpus.splitAt(19.5 / 23));
  }
}
