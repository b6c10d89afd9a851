package io.gptjava.train.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class EpochOrderTest {
  private static final int NO_TABLE = -1;

  private static long[] order(EpochOrder order, int size) {
    return LongStream.range(0, size).map(order::at).toArray();
  }

  @Test
  void bothKindsArePermutations() {
    for (int size : new int[] {1, 2, 3, 4, 5, 16, 17, 18, 100, 1000, 4097, 65_537}) {
      long[] sorted = LongStream.range(0, size).toArray();
      for (int limit : new int[] {EpochOrder.TABLE_LIMIT, NO_TABLE}) {
        long[] order = order(new EpochOrder(123, 2, size, limit), size);
        Arrays.sort(order);
        assertArrayEquals(sorted, order, "size " + size + ", table limit " + limit);
      }
    }
    assertEquals(0, order(new EpochOrder(1, 1, 0), 0).length);
  }

  @Test
  void dependsOnSeedAndEpochAlone() {
    for (int limit : new int[] {EpochOrder.TABLE_LIMIT, NO_TABLE}) {
      long[] first = order(new EpochOrder(5, 1, 1000, limit), 1000);
      assertArrayEquals(first, order(new EpochOrder(5, 1, 1000, limit), 1000));
      assertFalse(Arrays.equals(first, order(new EpochOrder(5, 2, 1000, limit), 1000)));
      assertFalse(Arrays.equals(first, order(new EpochOrder(6, 1, 1000, limit), 1000)));
      assertFalse(Arrays.equals(first, order(new EpochOrder(5L << 32, 1, 1000, limit), 1000)));
    }
  }

  @Test
  void everyOrderOfThreeComesEquallyOften() {
    Map<String, Integer> counts = new HashMap<>();
    int epochs = 60_000;
    for (int epoch = 0; epoch < epochs; epoch++) {
      counts.merge(Arrays.toString(order(new EpochOrder(1, epoch, 3), 3)), 1, Integer::sum);
    }
    assertEquals(6, counts.size());
    // Standard deviation of a count is √(n·p·q) = 91; five of them.
    counts.forEach((order, count) -> assertEquals(epochs / 6.0, count, 456, order));
  }

  @Test
  void hugeOrdersNeedNoTableAndScatter() {
    long size = 3_000_000_000L;
    EpochOrder order = new EpochOrder(9, 0, size);
    long[] drawn = LongStream.range(0, 100_000).map(order::at).toArray();
    assertEquals(drawn.length, LongStream.of(drawn).distinct().count());
    int[] buckets = new int[100];
    for (long element : drawn) {
      assertTrue(element >= 0 && element < size);
      buckets[(int) (element * 100 / size)]++;
    }
    // Expected 1000 each, standard deviation 31; six of them.
    IntStream.of(buckets).forEach(count -> assertEquals(1000, count, 190));
  }
}
