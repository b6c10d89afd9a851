package io.gptjava.train.data;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BatchNameTest {
  private static TokenBuffer tokens(int count) {
    return TokenBuffer.of(IntStream.range(0, count).toArray());
  }

  @Test
  void windowsAreNamedByTheirTokens() {
    WindowLoader loader = new WindowLoader(tokens(20), 4, 3, 2, false, false, 1); // 6 windows
    assertEquals(
        "epoch 1, batch 1, samples 2 (tokens 6–10), 3 (tokens 9–13)",
        BatchName.of(loader, 0, 1, 1).toString());
    WindowLoader single = new WindowLoader(tokens(20), 4, 3, 1, false, false, 1);
    assertEquals(
        "epoch 3, batch 5, sample 5 (tokens 15–19)", BatchName.of(single, 2, 5, 1).toString());
  }

  @Test
  void aStepsMicroBatchesAreNamedTogetherAndManySamplesShortly() {
    WindowLoader loader = new WindowLoader(tokens(41), 4, 4, 5, false, false, 1); // 10 windows
    assertEquals(
        "epoch 1, batch 0–1, samples 0 (tokens 0–4), 1 (tokens 4–8), 2 (tokens 8–12),"
            + " 3 (tokens 12–16), 4 (tokens 16–20), 5 (tokens 20–24), 6 (tokens 24–28),"
            + " 7 (tokens 28–32) and 2 more",
        BatchName.of(loader, 0, 0, 2).toString());
  }

  /** The named windows are those that the batch holds, in their order. */
  @Test
  void namesFollowTheShuffledOrder() {
    WindowLoader loader = new WindowLoader(tokens(400), 4, 4, 5, true, false, 9);
    Batch batch = new Batch(5, 4);
    for (int epoch = 0; epoch < 3; epoch++) {
      for (int index = 0; index < loader.batches(); index++) {
        loader.read(epoch, index, batch);
        List<BatchName.Sample> samples = BatchName.of(loader, epoch, index, 1).samples();
        assertEquals(batch.samples(), samples.size());
        for (int i = 0; i < samples.size(); i++) {
          int first = batch.tokens()[i * 4];
          assertEquals(first, samples.get(i).number() * 4);
          assertEquals("tokens %d–%d".formatted(first, first + 4), samples.get(i).place());
        }
      }
    }
  }

  @Test
  void shardsAreNamedByFileAndPlaceWithin(@TempDir Path folder) {
    TokenFile.write(folder.resolve("a.bin"), tokens(10));
    TokenFile.write(folder.resolve("b.bin"), tokens(30));
    try (JoinedTokens joined =
        new JoinedTokens(
            List.of(
                TokenFile.open(folder.resolve("a.bin"), 50_257),
                TokenFile.open(folder.resolve("b.bin"), 50_257)))) {
      assertEquals("a.bin tokens 0–9", joined.place(0, 10));
      assertEquals("b.bin tokens 0–4", joined.place(10, 15));
      assertEquals("a.bin tokens 8–9 and b.bin tokens 0–2", joined.place(8, 13));
      assertEquals("b.bin tokens 5–6", joined.slice(12, 40).place(3, 5));
    }
  }

  @Test
  void aSourceWithoutNumbersIsNamedByItsBatchAlone() {
    assertEquals("epoch 2, batch 7", new BatchName(2, 7, 1, List.of()).toString());
  }
}
