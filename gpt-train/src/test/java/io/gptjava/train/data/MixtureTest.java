package io.gptjava.train.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.train.config.DataConfig;
import io.gptjava.train.config.Documents;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MixtureTest {
  @TempDir Path folder;

  @Test
  void eachDataSetHasItsShareAndUsesAllItsWindowsBeforeAnyAgain() {
    long[] windows = {10, 1000, 3};
    WindowMixture mixture = new WindowMixture(windows, new double[] {7, 2, 1}, 5);
    assertEquals(1013, mixture.size());
    long[] at = new long[2];
    Map<List<Long>, Integer> uses = new HashMap<>();
    long[] counts = new long[3];
    for (int epoch = 0; epoch < 3; epoch++) {
      for (long place = 0; place < mixture.size(); place++) {
        mixture.at(epoch, place, at);
        assertTrue(at[1] >= 0 && at[1] < windows[(int) at[0]]);
        counts[(int) at[0]]++;
        uses.merge(List.of(at[0], at[1]), 1, Integer::sum);
      }
    }
    assertEquals(0.7 * 3 * 1013, counts[0], 3);
    assertEquals(0.2 * 3 * 1013, counts[1], 3);
    for (int part = 0; part < 3; part++) {
      int least = (int) (counts[part] / windows[part]);
      for (long window = 0; window < windows[part]; window++) {
        int n = uses.getOrDefault(List.of((long) part, window), 0);
        assertTrue(n == least || n == least + 1, part + " " + window + ": " + n);
      }
    }
  }

  @Test
  void orderDependsOnSeedEpochAndPlaceAlone() {
    List<Long> first = order(1, 0);
    assertEquals(first, order(1, 0));
    assertNotEquals(first, order(2, 0));
    assertNotEquals(first, order(1, 1));
  }

  private static List<Long> order(long seed, int epoch) {
    WindowMixture mixture = new WindowMixture(new long[] {40, 60}, new double[] {.5, .5}, seed);
    List<Long> order = new ArrayList<>();
    long[] at = new long[2];
    for (long place = 0; place < mixture.size(); place++) {
      mixture.at(epoch, place, at);
      order.add(at[0] << 32 | at[1]);
    }
    return order;
  }

  private DataConfig config(List<Double> weights, Documents documents, boolean shuffle) {
    return new DataConfig(
        List.of(folder.resolve("a.txt"), folder.resolve("b.txt")),
        List.of(),
        0.8,
        0,
        1,
        shuffle,
        true,
        weights,
        documents);
  }

  private void texts() throws IOException {
    Files.writeString(folder.resolve("a.txt"), "a".repeat(600));
    Files.writeString(folder.resolve("b.txt"), "b".repeat(1000));
  }

  @Test
  void weightedPathsAreNeverInOneWindowAndValidateTogether() throws IOException {
    texts();
    CharacterEncoder encoder = new CharacterEncoder();
    DataConfig config = config(List.of(3.0, 1.0), Documents.JOINED, true);
    try (Datasets data = Datasets.load(config, 8, 4, 3, encoder)) {
      assertEquals(480 + 800, data.trainingTokens());
      assertEquals(120 + 200, data.validationTokens());
      assertEquals(59 + 99, ((WindowLoader) data.training()).windows());
      Batch batch = new Batch(4, 8);
      int fromA = 0;
      int rows = 0;
      for (int i = 0; i < data.training().batches(); i++) {
        data.training().read(0, i, batch);
        for (int row = 0; row < 4; row++, rows++) {
          int[] tokens = Arrays.copyOfRange(batch.tokens(), row * 8, row * 8 + 8);
          assertEquals(1, Arrays.stream(tokens).distinct().count());
          fromA += tokens[0] == 'a' ? 1 : 0;
        }
      }
      assertEquals(0.75 * rows, fromA, 3);
      assertTrue(data.training().samples(0, 0).getFirst().place().startsWith("tokens "));
    }
  }

  @Test
  void wrongWeightsAreRefused() throws IOException {
    texts();
    CharacterEncoder encoder = new CharacterEncoder();
    Errors.expect(
        Failure.USAGE,
        () -> Datasets.load(config(List.of(1.0), Documents.JOINED, true), 8, 4, 3, encoder).close(),
        "1 weights for the 2 paths");
    Errors.expect(
        Failure.USAGE,
        () ->
            Datasets.load(config(List.of(1.0, 2.0), Documents.JOINED, false), 8, 4, 3, encoder)
                .close(),
        "leave out --no-shuffle");
    Errors.expect(
        Failure.DATA,
        () ->
            Datasets.load(config(List.of(1.0, 2.0), Documents.JOINED, true), 500, 4, 3, encoder)
                .close(),
        "a.txt has 480 for training, a window takes 501");
  }

  @Test
  void documentsApartSeeNothingBeforeTheirSeparator() {
    TokenBuffer tokens = TokenBuffer.of(5, 6, 0, 7, 8, 9, 0, 0, 4, 4, 4);
    WindowLoader loader = new WindowLoader(tokens, List.of(), 5, 5, 1, false, false, 1, 0);
    Batch batch = new Batch(1, 5);
    loader.read(0, 0, batch);
    assertArrayEquals(new int[] {0, 0, 2, 2, 2}, batch.firstVisible());
    try (PrefetchingLoader prefetching = new PrefetchingLoader(loader)) {
      prefetching.read(0, 0, batch);
      prefetching.read(0, 1, batch);
    }
    assertArrayEquals(new int[] {9, 0, 0, 4, 4}, batch.tokens());
    assertArrayEquals(new int[] {0, 1, 2, 2, 2}, batch.firstVisible());
  }

  @Test
  void paddedDocumentsAreCutOffOrFilledUp() {
    TokenBuffer tokens = TokenBuffer.of(0, 5, 6, 0, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 0, 9);
    DocumentLoader loader = new DocumentLoader(tokens, 0, 4, 3, false, false, 1);
    assertEquals(4, loader.documents());
    assertEquals(2, loader.batches());
    Batch batch = new Batch(3, 4);
    loader.read(0, 0, batch);
    assertArrayEquals(new int[] {5, 6, 0, 0, 1, 2, 3, 4, 1, 2, 3, 4}, batch.tokens());
    assertArrayEquals(new int[] {6, 0, -100, -100, 2, 3, 4, 5, 2, 3, 4, 0}, batch.targets());
    loader.read(0, 1, batch);
    assertEquals(1, batch.samples());
    assertArrayEquals(Arrays.copyOf(new int[] {9}, 12), batch.tokens());
    assertEquals(1, batch.targetCount());
    assertEquals(0, batch.targets()[0]);
    assertEquals("tokens 17–17", loader.samples(0, 1).getFirst().place());
    Errors.expect(
        Failure.DATA,
        () -> new DocumentLoader(tokens, 0, 4, 5, true, true, 1),
        "Not enough documents for a batch: the data has 4, --batch-size is 5");
  }
}
