package io.gptjava.train.corpus;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.luben.zstd.Zstd;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TextInputTest {
  private static final Gpt2Tokenizer TOKENIZER = new Gpt2Tokenizer();

  @TempDir Path folder;

  private static byte[] compress(String ending, byte[] content) throws IOException {
    if (ending.equals("zst")) {
      return Zstd.compress(content);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream out = new GZIPOutputStream(bytes)) {
      out.write(content);
    }
    return bytes.toByteArray();
  }

  private static void readAll(Path file) throws IOException {
    byte[] buffer = new byte[1 << 16];
    try (TextInput in = TextInput.open(file)) {
      while (in.read(buffer, 0, buffer.length) >= 0) {
        assertTrue(in.fileBytes() <= Files.size(file));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gz", "zst"})
  void severalFramesAreOneText(String ending) throws IOException {
    Path file = folder.resolve("a.txt." + ending);
    byte[] one = "Once upon a time".getBytes(StandardCharsets.UTF_8);
    byte[] packed = compress(ending, one);
    byte[] twice = Arrays.copyOf(packed, 2 * packed.length);
    System.arraycopy(packed, 0, twice, packed.length, packed.length);
    Files.write(file, twice);
    try (TextInput in = TextInput.open(file)) {
      assertArrayEquals(
          "Once upon a timeOnce upon a time".getBytes(StandardCharsets.UTF_8), in.readAllBytes());
      assertEquals(twice.length, in.fileBytes());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gz", "zst"})
  void bombsAreRefusedUnlessTheyAreMeant(String ending) throws IOException {
    Path file = folder.resolve("bomb.txt." + ending);
    Files.write(file, compress(ending, new byte[24 << 20]));
    GptException e = assertThrows(GptException.class, () -> readAll(file, 500));
    assertEquals(Failure.DATA, e.failure());
    assertTrue(e.getMessage().contains("expands to more than 500 times"), e.getMessage());
    readAll(file, 0);
  }

  private static void readAll(Path file, long mostExpansion) throws IOException {
    byte[] buffer = new byte[1 << 16];
    long count = 0;
    try (TextInput in = TextInput.open(file, mostExpansion)) {
      for (int read; (read = in.read(buffer, 0, buffer.length)) >= 0; ) {
        count += read;
      }
    }
    assertEquals(24 << 20, count);
  }

  /** Whatever the bytes: the text, or an error that people understand. */
  @ParameterizedTest
  @ValueSource(strings = {"a.txt.gz", "a.jsonl.zst", "a.jsonl", "a.txt"})
  void changedBytesGiveTextOrADataError(String name) throws IOException {
    Path file = folder.resolve(name);
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 40; i++) {
      lines.append("{\"text\":\"Line ").append(i).append(" \\u00e9é of some length\",\"n\":[1]}\n");
    }
    byte[] content = lines.toString().getBytes(StandardCharsets.UTF_8);
    byte[] good =
        name.endsWith("gz") || name.endsWith("zst")
            ? compress(name.substring(name.lastIndexOf('.') + 1), content)
            : content;
    Random random = new Random(11);
    int errors = 0;
    for (int i = 0; i < 80; i++) {
      byte[] bytes = i % 4 == 0 ? Arrays.copyOf(good, random.nextInt(good.length)) : good.clone();
      for (int n = random.nextInt(4); n > 0 && bytes.length > 0; n--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      }
      Files.write(file, bytes);
      CorpusFiles corpus = new CorpusFiles(List.of(file), "text", Cleaning.NONE, 1000);
      try (TextBlocks blocks =
          new TextBlocks(corpus, TOKENIZER, TextPosition.START, 0, TextBlocks.UNDIVIDED)) {
        for (TextBlocks.Block block; (block = blocks.next()) != null; ) {
          assertTrue(block.text().length() < 1 << 20);
        }
      } catch (GptException e) {
        assertEquals(Failure.DATA, e.failure(), e.getMessage());
        assertTrue(e.getMessage().contains(name), e.getMessage());
        errors++;
      }
    }
    assertTrue(errors > 10, errors + " errors");
  }
}
