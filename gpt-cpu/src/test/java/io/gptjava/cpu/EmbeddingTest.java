package io.gptjava.cpu;

import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gptjava.core.Dropout;
import io.gptjava.core.Ops;
import io.gptjava.core.Philox;
import io.gptjava.core.Tensor;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EmbeddingTest {
  private static final Dropout DROPOUT = Dropout.of(0.1f, Philox.PURPOSE_EMBEDDING_DROPOUT, 0);

  @ParameterizedTest
  @CsvSource({"1, 1, 1, 3", "2, 5, 13, 7", "3, 33, 64, 300", "2, 40, 129, 11"})
  void equalsTheReference(int batch, int sequence, int width, int vocabulary) {
    for (Dropout dropout : new Dropout[] {Dropout.NONE, DROPOUT}) {
      for (int variant = 0; variant < 4; variant++) {
        boolean addToken = (variant & 1) != 0;
        boolean addPosition = (variant & 2) != 0;
        Trial.compare(
            2e-6, t -> run(t, batch, sequence, width, vocabulary, dropout, addToken, addPosition));
      }
    }
  }

  private static void run(
      Trial t,
      int batch,
      int sequence,
      int width,
      int vocabulary,
      Dropout dropout,
      boolean addToken,
      boolean addPosition) {
    int positions = sequence + 3;
    Tensor tokens = t.integers(vocabulary, batch, sequence);
    Tensor wte = t.normal(1, vocabulary + 2, width);
    Tensor wpe = t.normal(1, positions, width);
    Tensor out = t.poisoned(batch, sequence, width);
    Ops ops = t.backend().ops();
    ops.embedding(tokens, wte, wpe, 2, dropout, out);
    t.result(out);
    Tensor dOut = t.normal(1, batch, sequence, width);
    Tensor dWte = addToken ? t.normal(1, vocabulary + 2, width) : t.poisoned(vocabulary + 2, width);
    Tensor dWpe = addPosition ? t.normal(1, positions, width) : t.poisoned(positions, width);
    Tensor workspace = t.workspace(ops.embeddingBackwardWorkspace(batch, sequence, width));
    ops.embeddingBackward(tokens, dOut, dropout, dWte, addToken, dWpe, addPosition, workspace);
    t.result(dWte);
    t.result(dWpe);
  }

  @Test
  void refusesTokensOutsideTheTable() {
    Trial.run(
        new CpuBackend(1),
        t -> {
          Tensor tokens = t.integers(1, 1, 1);
          tokens.segment().set(ValueLayout.JAVA_INT, 0, 9);
          Tensor wte = t.normal(1, 9, 4);
          Tensor wpe = t.normal(1, 1, 4);
          Tensor out = t.poisoned(1, 1, 4);
          assertThrows(
              IllegalArgumentException.class,
              () -> t.backend().ops().embedding(tokens, wte, wpe, 0, Dropout.NONE, out));
        });
  }
}
