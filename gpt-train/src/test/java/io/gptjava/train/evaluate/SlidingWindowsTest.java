package io.gptjava.train.evaluate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Ops;
import io.gptjava.train.data.Batch;
import io.gptjava.train.data.TokenBuffer;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SlidingWindowsTest {
  @Test
  void everyTokenButTheFirstCountsOnceFromAsFarBackAsThereIs() {
    for (int n = 2; n < 30; n++) {
      for (int sequence = 1; sequence < 9; sequence++) {
        for (int stride = 1; stride <= sequence; stride++) {
          check(n, sequence, stride);
        }
      }
    }
  }

  private static void check(int n, int sequence, int stride) {
    TokenBuffer tokens = TokenBuffer.of(IntStream.range(100, 100 + n).toArray());
    SlidingWindows windows = new SlidingWindows(tokens, sequence, stride, 3);
    Batch batch = new Batch(3, sequence);
    int[] counts = new int[n];
    String what = n + " tokens, windows of " + sequence + ", stride " + stride;
    for (int i = 0; i < windows.batches(); i++) {
      windows.read(0, i, batch);
      for (int at = 0; at < 3 * sequence; at++) {
        int target = batch.targets()[at];
        if (target != Ops.IGNORED_TARGET) {
          assertEquals(target - 1, batch.tokens()[at], what);
          counts[target - 100]++;
          int seen = at % sequence + 1;
          assertTrue(
              seen >= Math.min(target - 100, sequence - stride + 1), what + ", target " + target);
        }
      }
    }
    int[] expected = new int[n];
    Arrays.fill(expected, 1, n, 1);
    assertArrayEquals(expected, counts, what);
  }
}
