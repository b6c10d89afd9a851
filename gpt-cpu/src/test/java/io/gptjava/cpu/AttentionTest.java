package io.gptjava.cpu;

import io.gptjava.core.Dropout;
import io.gptjava.core.Ops;
import io.gptjava.core.Philox;
import io.gptjava.core.Tensor;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AttentionTest {
  /** Sums of up to a few hundred rounded products, relative to the largest. */
  private static final double TOLERANCE = 4e-6;

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 1, 1",
    "1, 2, 1, 5, 1",
    "2, 17, 3, 16, 1",
    "1, 63, 2, 64, 1",
    "2, 65, 1, 64, 1",
    "1, 130, 2, 80, 1",
    "1, 200, 1, 33, 1",
    "1, 129, 1, 130, 1",
    "1, 256, 5, 32, 30"
  })
  void equalsTheReference(int batch, int sequence, int heads, int size, double deviation) {
    Dropout dropout = Dropout.of(0.1f, Philox.PURPOSE_ATTENTION_DROPOUT, 4);
    for (Dropout d : new Dropout[] {Dropout.NONE, dropout}) {
      Trial.compare(
          TOLERANCE * Math.max(1, deviation),
          t -> run(t, batch, sequence, heads, size, Math.sqrt(deviation), d, false));
    }
    Trial.compare(
        TOLERANCE * Math.max(1, deviation),
        t -> run(t, batch, sequence, heads, size, Math.sqrt(deviation), dropout, true));
  }

  private static void run(
      Trial t,
      int batch,
      int sequence,
      int heads,
      int size,
      double deviation,
      Dropout dropout,
      boolean documents) {
    int width = heads * size;
    Tensor qkv = t.normal(deviation, batch, sequence, 3L * width);
    Tensor first = documents ? t.integers(1 << 20, batch, sequence) : null;
    for (long i = 0; documents && i < first.count(); i++) {
      // Documents that begin at multiples of 23 positions, and a few stray rows.
      int position = (int) (i % sequence);
      int drawn = first.segment().getAtIndex(ValueLayout.JAVA_INT, i);
      int key = drawn % 5 == 0 ? drawn % (position + 1) : position / 23 * 23;
      first.segment().setAtIndex(ValueLayout.JAVA_INT, i, key);
    }
    Tensor out = t.poisoned(batch, sequence, width);
    Tensor logSumExp = t.poisoned(batch, heads, sequence);
    Ops ops = t.backend().ops();
    ops.attention(qkv, first, heads, dropout, out, logSumExp);
    t.result(out);
    t.result(logSumExp);
    Tensor dOut = t.normal(1, batch, sequence, width);
    Tensor dQkv = t.poisoned(batch, sequence, 3L * width);
    Tensor workspace = t.workspace(ops.attentionBackwardWorkspace(batch, sequence, width, heads));
    ops.attentionBackward(dOut, qkv, out, logSumExp, first, heads, dropout, dQkv, workspace);
    t.result(dQkv);
  }

  /** Scores that keep growing along the keys, so that the running softmax must be rescaled. */
  @Test
  void survivesGrowingScores() {
    Trial.compare(
        2e-5,
        t -> {
          int sequence = 256;
          Tensor qkv = t.filled(1, 1, sequence, 3);
          for (int i = 0; i < sequence; i++) {
            qkv.segment().setAtIndex(ValueLayout.JAVA_FLOAT, 3L * i + 1, 0.5f * i);
            qkv.segment().setAtIndex(ValueLayout.JAVA_FLOAT, 3L * i + 2, (float) Math.sin(i));
          }
          Tensor out = t.poisoned(1, sequence, 1);
          Tensor logSumExp = t.poisoned(1, 1, sequence);
          t.backend().ops().attention(qkv, null, 1, Dropout.NONE, out, logSumExp);
          t.result(out);
          t.result(logSumExp);
        });
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 5, 0", "3, 2, 64, 0", "1, 2, 64, 30", "7, 3, 80, 5", "40, 1, 16, 3"})
  void cachedEqualsTheReference(int sequence, int heads, int size, int position) {
    Trial.compare(
        TOLERANCE,
        t -> {
          int batch = 2;
          int capacity = position + sequence + 4;
          Tensor qkv = t.normal(1, batch, sequence, 3L * heads * size);
          Tensor keys = t.normal(1, batch, heads, capacity, size);
          Tensor values = t.normal(1, batch, heads, capacity, size);
          Tensor out = t.poisoned(batch, sequence, (long) heads * size);
          t.backend().ops().cachedAttention(qkv, keys, values, position, out);
          t.result(out);
          t.result(keys);
          t.result(values);
        });
  }
}
