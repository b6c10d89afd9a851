package io.gptjava.train.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardMutationTest {
  @TempDir Path folder;

  /** Whatever the bytes: the tokens that fit in the file, or an error that people understand. */
  @Test
  void changedShardsAreReadOrRefused() throws IOException {
    Path path = folder.resolve("a.bin");
    TokenFile.write(path, TokenBuffer.of(1, 2, 3, 50256));
    byte[] good = Files.readAllBytes(path);
    Random random = new Random(17);
    int refused = 0;
    for (int i = 0; i < 150; i++) {
      int size = i % 3 == 0 ? random.nextInt(good.length + 9) : good.length;
      byte[] bytes = Arrays.copyOf(good, size);
      for (int n = 0; n < 2 && size > 12; n++) {
        int at = random.nextBoolean() ? random.nextInt(12) : random.nextInt(size);
        bytes[at] = (byte) random.nextInt(256);
      }
      Files.write(path, bytes);
      try (TokenFile shard = TokenFile.open(path, 50257)) {
        int[] tokens = new int[(int) shard.size()];
        assertEquals(bytes.length, TokenFile.HEADER_BYTES + 2 * tokens.length);
        shard.copy(0, tokens, 0, tokens.length);
      } catch (GptException e) {
        assertEquals(Failure.DATA, e.failure(), e.getMessage());
        refused++;
      }
    }
    assertTrue(refused > 50, refused + " refused");
  }

  @Test
  void shardsOfOtherTokenizersAreNamed() throws IOException {
    Path path = folder.resolve("llama.bin");
    TokenFile.write(path, TokenBuffer.of(1, 2));
    byte[] bytes = Files.readAllBytes(path);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(0, 20240801);
    Files.write(path, bytes);
    Errors.expect(Failure.DATA, () -> TokenFile.open(path, 50257).close(), "llama.bin", "Llama 3");
    // nanoGPT's have no header.
    Files.write(path, new byte[4000]);
    Errors.expect(Failure.DATA, () -> TokenFile.open(path, 50257).close(), "begins with 0");
  }
}
