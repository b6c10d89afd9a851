package io.gptjava.train.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.Ops;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class WindowLoaderTest {
  private static TokenBuffer counting(int tokens) {
    return TokenBuffer.of(IntStream.range(0, tokens).toArray());
  }

  private static Batch batch(BatchSource source) {
    return new Batch(source.batchSize(), source.sequence());
  }

  /** The first input of every sample of an epoch; checks that windows are whole. */
  private static List<Integer> starts(BatchSource source, int epoch) {
    List<Integer> starts = new ArrayList<>();
    Batch batch = batch(source);
    for (int index = 0; index < source.batches(); index++) {
      source.read(epoch, index, batch);
      int sequence = source.sequence();
      for (int at = 0; at < batch.tokens().length; at++) {
        boolean real = at < batch.samples() * sequence;
        int start = batch.tokens()[at / sequence * sequence];
        assertEquals(real ? start + at % sequence : 0, batch.tokens()[at]);
        assertEquals(real ? start + at % sequence + 1 : Ops.IGNORED_TARGET, batch.targets()[at]);
      }
      for (int sample = 0; sample < batch.samples(); sample++) {
        starts.add(batch.tokens()[sample * sequence]);
      }
    }
    return starts;
  }

  @Test
  void windowsAreThoseOfPythonsRange() {
    Random random = new Random(1);
    for (int round = 0; round < 300; round++) {
      int tokens = random.nextInt(40);
      int sequence = 1 + random.nextInt(8);
      int stride = 1 + random.nextInt(10);
      int batchSize = 1 + random.nextInt(5);
      List<Integer> expected = new ArrayList<>();
      for (int i = 0; i < tokens - sequence; i += stride) {
        expected.add(i);
      }
      WindowLoader all =
          new WindowLoader(counting(tokens), sequence, stride, batchSize, false, false, 0);
      assertEquals(expected, starts(all, 3));
      assertEquals((expected.size() + batchSize - 1) / batchSize, all.batches());
      WindowLoader whole =
          new WindowLoader(counting(tokens), sequence, stride, batchSize, false, true, 0);
      assertEquals(expected.size() / batchSize, whole.batches());
      assertEquals(expected.subList(0, whole.batches() * batchSize), starts(whole, 0));
      WindowLoader shuffled =
          new WindowLoader(counting(tokens), sequence, stride, batchSize, true, false, 7);
      assertEquals(expected, starts(shuffled, 0).stream().sorted().toList());
    }
  }

  @Test
  void textbookCounts() {
    WindowLoader training = new WindowLoader(counting(4612), 256, 256, 2, true, true, 123);
    WindowLoader validation = new WindowLoader(counting(534), 256, 256, 2, false, false, 123);
    assertEquals(18, training.windows());
    assertEquals(9, training.batches());
    assertEquals(2, validation.windows());
    assertEquals(1, validation.batches());
    Batch batch = batch(validation);
    validation.read(0, 0, batch);
    assertEquals(512, batch.targetCount());
    assertEquals(4608 + 512, 256 * (starts(training, 0).size() + starts(validation, 0).size()));
  }

  @Test
  void lastBatchIsFilledWithIgnoredTargets() {
    WindowLoader loader = new WindowLoader(counting(11), 2, 2, 4, false, false, 0);
    Batch batch = batch(loader);
    loader.read(0, 0, batch);
    assertEquals(4, batch.samples());
    loader.read(0, 1, batch);
    assertEquals(1, batch.samples());
    assertArrayEquals(new int[] {8, 9, 0, 0, 0, 0, 0, 0}, batch.tokens());
    assertArrayEquals(new int[] {9, 10, -100, -100, -100, -100, -100, -100}, batch.targets());
    assertEquals(2, batch.targetCount());
  }

  @Test
  void epochsDifferAndCanBeReadInAnyOrder() {
    WindowLoader loader = new WindowLoader(counting(2000), 8, 8, 3, true, true, 42);
    List<Integer> first = starts(loader, 0);
    List<Integer> second = starts(loader, 1);
    assertNotEquals(first, second);
    assertNotEquals(first, first.stream().sorted().toList());
    assertEquals(first, starts(loader, 0));
    WindowLoader again = new WindowLoader(counting(2000), 8, 8, 3, true, true, 42);
    Batch expected = batch(loader);
    Batch actual = batch(loader);
    loader.read(1, 57, expected);
    again.read(1, 57, actual);
    assertArrayEquals(expected.tokens(), actual.tokens());
    assertNotEquals(first, starts(new WindowLoader(counting(2000), 8, 8, 3, true, true, 43), 0));
  }

  @Test
  void impossibleRequestsAreRefused() {
    WindowLoader loader = new WindowLoader(counting(20), 4, 4, 2, false, false, 0);
    assertThrows(IndexOutOfBoundsException.class, () -> loader.read(0, 2, batch(loader)));
    assertThrows(IllegalArgumentException.class, () -> loader.read(0, 0, new Batch(2, 5)));
    Errors.expect(
        Failure.USAGE,
        () -> new WindowLoader(counting(20), 4, 0, 2, false, false, 0),
        "--stride",
        "0");
    TokenSource huge =
        new TokenSource() {
          @Override
          public long size() {
            return 3_000_000_000L;
          }

          @Override
          public void copy(long from, int[] target, int at, int count) {
            Arrays.fill(target, at, at + count, (int) (from % 1000));
          }
        };
    Errors.expect(
        Failure.USAGE, () -> new WindowLoader(huge, 4, 1, 1, false, false, 0), "--batch-size");
    WindowLoader fits = new WindowLoader(huge, 4, 1, 2, true, false, 0);
    fits.read(0, fits.batches() - 1, batch(fits));
  }

  @Test
  void prefetchingChangesNothing() {
    WindowLoader plain = new WindowLoader(counting(500), 5, 3, 4, true, false, 8);
    try (PrefetchingLoader prefetching =
        new PrefetchingLoader(new WindowLoader(counting(500), 5, 3, 4, true, false, 8))) {
      assertEquals(plain.batches(), prefetching.batches());
      for (int epoch = 0; epoch < 3; epoch++) {
        assertEquals(starts(plain, epoch), starts(prefetching, epoch));
      }
      Random random = new Random(2);
      Batch expected = batch(plain);
      Batch actual = batch(plain);
      for (int round = 0; round < 200; round++) {
        int epoch = random.nextInt(3);
        int index = random.nextInt(plain.batches());
        plain.read(epoch, index, expected);
        prefetching.read(epoch, index, actual);
        assertArrayEquals(expected.tokens(), actual.tokens());
        assertArrayEquals(expected.targets(), actual.targets());
        assertEquals(expected.samples(), actual.samples());
      }
    }
  }

  @Test
  void prefetchingReadsAheadAndThrowsWhereItIsRead() throws InterruptedException {
    AtomicInteger reads = new AtomicInteger();
    GptException failure = new GptException(Failure.DATA, "bad shard");
    WindowLoader loader = new WindowLoader(counting(100), 4, 4, 1, false, false, 0);
    BatchSource failing =
        new BatchSource() {
          @Override
          public int batches() {
            return loader.batches();
          }

          @Override
          public int batchSize() {
            return 1;
          }

          @Override
          public int sequence() {
            return 4;
          }

          @Override
          public void read(int epoch, int index, Batch batch) {
            reads.incrementAndGet();
            if (index == 2) {
              throw failure;
            }
            loader.read(epoch, index, batch);
          }
        };
    Batch batch = batch(loader);
    PrefetchingLoader prefetching = new PrefetchingLoader(failing);
    prefetching.read(0, 0, batch);
    for (int wait = 0; wait < 500 && reads.get() < 2; wait++) {
      Thread.sleep(10);
    }
    assertEquals(2, reads.get());
    prefetching.read(0, 1, batch);
    assertSame(failure, assertThrows(GptException.class, () -> prefetching.read(0, 2, batch)));
    prefetching.read(0, 3, batch);
    assertEquals(12, batch.tokens()[0]);
    // The failed guess of batch 2 does not hurt who asks for another one.
    prefetching.read(0, 1, batch);
    prefetching.read(0, 5, batch);
    assertEquals(20, batch.tokens()[0]);
    prefetching.close();
    assertFalse(
        Thread.getAllStackTraces().keySet().stream()
            .anyMatch(thread -> thread.getName().equals("batch-prefetch")));
    assertTrue(reads.get() >= 5);
  }
}
