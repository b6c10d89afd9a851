package io.gptjava.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Philox4x32-10 against the vectors that Random123 publishes ({@code kat_vectors}). */
final class PhiloxTest {
  private static int[] raw(int k0, int k1, int c0, int c1, int c2, int c3) {
    int[] out = new int[6];
    Philox.raw(k0, k1, c0, c1, c2, c3, out, 1);
    assertEquals(0, out[0] | out[5], "writes four words only");
    return new int[] {out[1], out[2], out[3], out[4]};
  }

  @Test
  void knownAnswerOfZeros() {
    assertArrayEquals(
        new int[] {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, raw(0, 0, 0, 0, 0, 0));
  }

  @Test
  void knownAnswerOfOnes() {
    assertArrayEquals(
        new int[] {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}, raw(-1, -1, -1, -1, -1, -1));
  }

  @Test
  void knownAnswerOfPi() {
    assertArrayEquals(
        new int[] {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
        raw(0xa4093822, 0x299f31d0, 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344));
  }

  /** Each part of a use's address goes into its own word of counter or key. */
  @Test
  void blockIsTheRawFunctionOfItsAddress() {
    int[] block = new int[4];
    Philox.block(0x299f31d0_a4093822L, 0x85a308d3_243f6a88L, 0x13198a2e, 3, 0x707344, block, 0);
    assertArrayEquals(new int[] {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}, block);
  }

  @Test
  void neighbouringAddressesDiffer() {
    Set<Long> seen = new HashSet<>();
    int[] out = new int[4];
    for (int i = 0; i < 2; i++) {
      for (int step = 0; step < 2; step++) {
        for (int purpose = 1; purpose < 7; purpose++) {
          for (int site = 0; site < 3; site++) {
            for (long index : new long[] {0, 1, 1L << 32}) {
              Philox.block(i * (1L << 32), index, step, purpose, site, out, 0);
              seen.add((long) out[0] << 32 | out[1] & 0xFFFFFFFFL);
            }
          }
        }
      }
    }
    assertEquals(2 * 2 * 6 * 3 * 3, seen.size());
  }
}
