package io.gptjava.train.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenSourceTest {
  @TempDir Path folder;

  private static int[] tokens(int count, long seed) {
    return new Random(seed).ints(count, 0, 50257).toArray();
  }

  private static void assertHolds(int[] expected, TokenSource source) {
    assertEquals(expected.length, source.size());
    int[] all = new int[expected.length + 2];
    source.copy(0, all, 1, expected.length);
    assertArrayEquals(expected, Arrays.copyOfRange(all, 1, expected.length + 1));
    Random random = new Random(4);
    for (int round = 0; round < 200; round++) {
      int from = random.nextInt(expected.length);
      int count = random.nextInt(expected.length - from + 1);
      int[] part = new int[count];
      source.copy(from, part, 0, count);
      assertArrayEquals(Arrays.copyOfRange(expected, from, from + count), part);
    }
    int[] one = new int[1];
    assertThrows(IndexOutOfBoundsException.class, () -> source.copy(expected.length, one, 0, 1));
    assertThrows(IndexOutOfBoundsException.class, () -> source.copy(-1, one, 0, 1));
  }

  @Test
  void bufferHoldsWhatWasAdded() {
    int[] tokens = tokens(200_003, 1);
    TokenBuffer buffer = new TokenBuffer();
    for (int from = 0; from < tokens.length; from += 997) {
      buffer.add(Arrays.copyOfRange(tokens, from, Math.min(tokens.length, from + 997)));
    }
    assertHolds(tokens, buffer);
    assertHolds(Arrays.copyOfRange(tokens, 70_000, 90_001), buffer.slice(70_000, 90_001));
    assertThrows(IllegalArgumentException.class, () -> buffer.add(65_536));
    assertThrows(IllegalArgumentException.class, () -> buffer.add(-1));
    assertThrows(IndexOutOfBoundsException.class, () -> buffer.slice(5, 200_004));
  }

  @Test
  void shardsComeBackJoined() {
    int[] tokens = tokens(70_001, 2);
    int[] ends = {0, 40_000, 40_000, 40_001, 70_001};
    List<TokenFile> shards =
        IntStream.range(1, ends.length)
            .mapToObj(
                i -> {
                  Path path = folder.resolve("shard" + i + ".bin");
                  int[] part = Arrays.copyOfRange(tokens, ends[i - 1], ends[i]);
                  TokenFile.write(path, TokenBuffer.of(part));
                  return TokenFile.open(path, 50257);
                })
            .toList();
    try (JoinedTokens joined = new JoinedTokens(shards)) {
      assertHolds(tokens, joined);
      assertHolds(Arrays.copyOfRange(tokens, 39_999, 40_002), joined.slice(39_999, 40_002));
    }
    assertEquals(0, new JoinedTokens(List.of()).size());
  }

  @Test
  void shardsHaveTheBytesOfLlmC() throws IOException {
    Path path = folder.resolve("x.bin");
    TokenFile.write(path, TokenBuffer.of(50256, 1, 258));
    ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    assertEquals(1024 + 6, file.capacity());
    assertEquals(20240520, file.getInt(0));
    assertEquals(1, file.getInt(4));
    assertEquals(3, file.getInt(8));
    for (int at = 12; at < 1024; at += 4) {
      assertEquals(0, file.getInt(at));
    }
    assertEquals((short) 50256, file.getShort(1024));
    assertEquals(258, file.getShort(1028));
  }

  @Test
  void damagedShardsAreRefused() throws IOException {
    Path path = folder.resolve("x.bin");
    TokenFile.write(path, TokenBuffer.of(1, 2, 3));
    byte[] whole = Files.readAllBytes(path);
    refuse(path, Arrays.copyOf(whole, 0), "0 bytes", "1024");
    refuse(path, Arrays.copyOf(whole, 1023), "1023 bytes", "1024");
    refuse(path, Arrays.copyOf(whole, 1029), "3 tokens, which take 1030 bytes", "has 1029");
    refuse(path, Arrays.copyOf(whole, 1031), "3 tokens, which take 1030 bytes", "has 1031");
    refuse(path, with(whole, 0, 20230101), "begins with 20230101, not 20240520");
    refuse(path, with(whole, 4, 7), "version is 7");
    refuse(path, with(whole, 8, -1), "counts -1 tokens");
    refuse(path, with(whole, 8, Integer.MAX_VALUE), "has 1030");
    Files.write(path, whole);
    try (TokenFile small = TokenFile.open(path, 3)) {
      Errors.expect(
          Failure.DATA, () -> small.copy(0, new int[3], 0, 3), "token 3", "ends at 2", "x.bin");
      small.copy(0, new int[2], 0, 2);
    }
    Errors.expect(
        Failure.DATA, () -> TokenFile.open(folder.resolve("none.bin"), 3).close(), "none.bin");
    Errors.expect(
        Failure.CAPACITY, () -> TokenFile.write(folder.resolve("no/x"), new TokenBuffer()), "no/x");
  }

  @Test
  void aShardThatFailsLeavesTheOldOneAndNothingElse() throws IOException {
    Path path = folder.resolve("x.bin");
    TokenFile.write(path, TokenBuffer.of(1, 2, 3));
    byte[] whole = Files.readAllBytes(path);
    Path strange = folder.resolve("y.bin");
    TokenFile.write(strange, TokenBuffer.of(1, 2, 3));
    try (TokenFile source = TokenFile.open(strange, 3)) {
      assertThrows(GptException.class, () -> TokenFile.write(path, source));
    }
    assertArrayEquals(whole, Files.readAllBytes(path));
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(path, strange), files.sorted().toList());
    }
  }

  private static byte[] with(byte[] whole, int at, int value) {
    byte[] changed = whole.clone();
    ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
    return changed;
  }

  private static void refuse(Path path, byte[] bytes, String... parts) throws IOException {
    Files.write(path, bytes);
    Errors.expect(Failure.DATA, () -> TokenFile.open(path, 50257).close(), parts);
  }
}
