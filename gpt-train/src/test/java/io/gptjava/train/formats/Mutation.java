package io.gptjava.train.formats;

import java.util.Arrays;
import java.util.Random;

/** Damage as disks, networks and people do it. */
final class Mutation {
  private static final long[] NUMBERS = {
    0,
    1,
    -1,
    127,
    128,
    255,
    256,
    65_535,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    1L << 32,
    Long.MAX_VALUE,
    Long.MIN_VALUE
  };

  private Mutation() {}

  /** A damaged copy; half of them keep their length. */
  static byte[] of(byte[] whole, Random random) {
    byte[] bytes = whole.clone();
    for (int i = 1 + random.nextInt(3); i > 0 && bytes.length > 0; i--) {
      int at = random.nextInt(bytes.length);
      switch (random.nextInt(8)) {
        case 0, 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 2 -> bytes[at] = (byte) random.nextInt(256);
        case 3, 4 -> number(bytes, at, random);
        case 5 -> {
          bytes = Arrays.copyOf(bytes, at);
        }
        case 6 -> {
          int gone = 1 + random.nextInt(Math.min(16, bytes.length));
          bytes = without(bytes, Math.min(at, bytes.length - gone), gone);
        }
        default -> bytes = repeated(bytes, at, 1 + random.nextInt(16));
      }
    }
    return bytes;
  }

  private static void number(byte[] bytes, int at, Random random) {
    long number = NUMBERS[random.nextInt(NUMBERS.length)];
    for (int i = random.nextBoolean() ? 4 : 8; i > 0 && at < bytes.length; i--) {
      bytes[at++] = (byte) number;
      number >>= 8;
    }
  }

  private static byte[] without(byte[] bytes, int at, int count) {
    byte[] shorter = Arrays.copyOf(bytes, bytes.length - count);
    System.arraycopy(bytes, at + count, shorter, at, shorter.length - at);
    return shorter;
  }

  private static byte[] repeated(byte[] bytes, int at, int count) {
    int length = Math.min(count, bytes.length - at);
    byte[] longer = Arrays.copyOf(bytes, bytes.length + length);
    System.arraycopy(bytes, at, longer, at + length, bytes.length - at);
    return longer;
  }
}
