package io.gptjava.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Probabilities, and which lane decides about which element. */
final class DropoutTest {
  @Test
  void everyScoreOfATileHasALaneOfItsOwn() {
    BitSet lanes = new BitSet();
    for (int i = 0; i < 16; i++) {
      for (int j = 0; j < 16; j++) {
        long block = DropoutLayout.attentionBlock(0, 16, i, j);
        int lane = DropoutLayout.attentionLane(i, j);
        assertTrue(block >= 0 && block < 32 && lane >= 0 && lane < 8);
        assertFalse(lanes.get((int) block * 8 + lane), "query " + i + ", key " + j);
        lanes.set((int) block * 8 + lane);
      }
    }
    assertEquals(256, lanes.cardinality());
  }

  /** One block holds what a lane of a tensor-core accumulator pair does. */
  @Test
  void blockHoldsAnAccumulatorPair() {
    for (int i = 0; i < 8; i++) {
      for (int j = 0; j < 8; j += 2) {
        long block = DropoutLayout.attentionBlock(5, 40, 16 + i, j);
        for (int k = 0; k < 8; k++) {
          int row = i + (k & 2) * 4;
          int column = j + (k & 1) + (k & 4) * 2;
          assertEquals(block, DropoutLayout.attentionBlock(5, 40, 16 + row, column));
          assertEquals(k, DropoutLayout.attentionLane(16 + row, column));
        }
      }
    }
  }

  @Test
  void blocksOfHeadsDoNotOverlap() {
    int sequence = 33;
    BitSet blocks = new BitSet();
    int perHead = 0;
    for (int head = 0; head < 3; head++) {
      BitSet own = new BitSet();
      for (int i = 0; i < sequence; i++) {
        for (int j = 0; j < sequence; j++) {
          own.set((int) DropoutLayout.attentionBlock(head, sequence, i, j));
        }
      }
      assertFalse(blocks.intersects(own));
      blocks.or(own);
      perHead = own.cardinality();
    }
    assertEquals(3 * perHead, blocks.cardinality());
    assertEquals(3, DropoutLayout.tiles(sequence));
  }

  @Test
  void rowsUseAllLanesInOrder() {
    for (long e : new long[] {0, 7, 8, 12_345_678_901L}) {
      assertEquals(e, DropoutLayout.rowBlock(e) * 8 + DropoutLayout.rowLane(e));
      assertTrue(DropoutLayout.rowLane(e) < 8);
    }
  }

  @Test
  void lanesAreHalvesOfWordsLowFirst() {
    int[] words = {0, 0x2222_1111, 0x4444_3333, 0x6666_5555, 0x8888_7777};
    for (int lane = 0; lane < 8; lane++) {
      assertEquals(0x1111 * (lane + 1), DropoutLayout.lane(words, 1, lane));
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {0.1f, 0.5f, 0.9f})
  void rateIsTheProbability(float probability) {
    Dropout dropout = Dropout.of(probability, Philox.PURPOSE_RESIDUAL_DROPOUT, 1);
    int[] words = new int[4];
    int dropped = 0;
    int blocks = 50_000;
    for (int block = 0; block < blocks; block++) {
      Philox.block(42, block, 3, dropout.purpose(), dropout.site(), words, 0);
      for (int lane = 0; lane < 8; lane++) {
        dropped += DropoutLayout.lane(words, 0, lane) < dropout.threshold() ? 1 : 0;
      }
    }
    double n = 8.0 * blocks;
    double deviation = Math.sqrt(probability * (1 - probability) / n);
    assertEquals(probability, dropped / n, 4 * deviation + 1.0 / 65_536);
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "0.5, 32768", "0.1, 6554", "0.99999994, 65535"})
  void probabilityIsRoundedAndScaleIsItsInverse(float probability, int threshold) {
    Dropout dropout = Dropout.of(probability, 1, 2);
    assertEquals(threshold, dropout.threshold());
    assertEquals(threshold / 65_536f, dropout.probability());
    assertEquals((float) (1 / (1 - threshold / 65_536.0)), dropout.scale());
    assertEquals(threshold > 0, dropout.active());
  }

  @ParameterizedTest
  @ValueSource(floats = {-0.1f, 1, Float.NaN, 2})
  void refusesProbabilitiesOutside(float probability) {
    assertThrows(IllegalArgumentException.class, () -> Dropout.of(probability, 1, 2));
  }

  @Test
  void refusesThresholdsOutside() {
    assertThrows(IllegalArgumentException.class, () -> new Dropout(65_536, 1, 2));
    assertThrows(IllegalArgumentException.class, () -> new Dropout(-1, 1, 2));
  }
}
