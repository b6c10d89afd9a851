package io.gptjava.core.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gptjava.core.Dropout;
import io.gptjava.core.Ops;
import io.gptjava.core.Tensor;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;

/** Shapes that do not belong together are refused before anything is read or written. */
public abstract class ShapeContract extends OpContract {
  private void assertRefused(BiConsumer<Ops, Stage> call) {
    Stage stage = new Stage(subject());
    Ops ops = subject().ops();
    assertThrows(IllegalArgumentException.class, () -> call.accept(ops, stage));
    stage.finish();
  }

  private static Tensor zeros(Stage s, long... shape) {
    int count = 1;
    for (long dimension : shape) {
      count *= (int) dimension;
    }
    return s.floats(new float[count], shape);
  }

  @Test
  void linear() {
    assertRefused((o, s) -> o.linear(zeros(s, 4, 6), zeros(s, 5, 8), null, zeros(s, 4, 8)));
    assertRefused((o, s) -> o.linear(zeros(s, 4, 6), zeros(s, 6, 8), null, zeros(s, 4, 7)));
    assertRefused((o, s) -> o.linear(zeros(s, 4, 6), zeros(s, 6, 8), null, zeros(s, 3, 8)));
    assertRefused((o, s) -> o.linear(zeros(s, 4, 6), zeros(s, 6, 8), zeros(s, 7), zeros(s, 4, 8)));
    assertRefused(
        (o, s) -> o.linearBackwardInput(zeros(s, 4, 8), zeros(s, 6, 8), null, zeros(s, 4, 5)));
    assertRefused(
        (o, s) ->
            o.linearBackwardWeight(zeros(s, 4, 6), zeros(s, 3, 8), zeros(s, 6, 8), null, false));
  }

  @Test
  void layerNorm() {
    assertRefused(
        (o, s) ->
            o.layerNorm(
                zeros(s, 4, 6),
                zeros(s, 5),
                zeros(s, 6),
                zeros(s, 4, 6),
                zeros(s, 4),
                zeros(s, 4)));
    assertRefused(
        (o, s) ->
            o.layerNorm(
                zeros(s, 4, 6),
                zeros(s, 6),
                zeros(s, 6),
                zeros(s, 4, 6),
                zeros(s, 3),
                zeros(s, 4)));
  }

  @Test
  void embedding() {
    int[] tokens = new int[6];
    assertRefused(
        (o, s) ->
            o.embedding(
                s.ints(tokens, 2, 3),
                zeros(s, 5, 4),
                zeros(s, 3, 4),
                0,
                Dropout.NONE,
                zeros(s, 2, 3, 5)));
    assertRefused(
        (o, s) ->
            o.embedding(
                s.ints(tokens, 2, 3),
                zeros(s, 5, 4),
                zeros(s, 3, 4),
                1, // needs a fourth position
                Dropout.NONE,
                zeros(s, 2, 3, 4)));
  }

  @Test
  void attention() {
    assertRefused(
        (o, s) ->
            o.attention(
                zeros(s, 2, 3, 24), null, 3, Dropout.NONE, zeros(s, 2, 3, 8), zeros(s, 2, 3, 3)));
    assertRefused(
        (o, s) ->
            o.attention(
                zeros(s, 2, 3, 24), null, 2, Dropout.NONE, zeros(s, 2, 3, 8), zeros(s, 2, 2, 4)));
    assertRefused(
        (o, s) ->
            o.cachedAttention(
                zeros(s, 1, 3, 24),
                zeros(s, 1, 2, 4, 4),
                zeros(s, 1, 2, 4, 4),
                2, // 2 + 3 positions in a cache of 4
                zeros(s, 1, 3, 8)));
  }

  @Test
  void head() {
    int[] targets = new int[4];
    assertRefused(
        (o, s) ->
            o.headCrossEntropy(
                zeros(s, 4, 6),
                zeros(s, 8, 6),
                s.ints(targets, 4),
                9, // more than the weight has rows
                zeros(s, 4),
                null,
                null,
                false,
                s.workspace(o.headCrossEntropyWorkspace(4, 6, 16, 0))));
    assertRefused(
        (o, s) ->
            o.headCrossEntropy(
                zeros(s, 4, 6),
                zeros(s, 8, 6),
                s.ints(targets, 4),
                8,
                zeros(s, 4),
                zeros(s, 4, 6), // one gradient of two
                null,
                false,
                s.workspace(o.headCrossEntropyWorkspace(4, 6, 8, 0))));
    assertRefused((o, s) -> o.headLogits(zeros(s, 4, 6), zeros(s, 8, 6), zeros(s, 4, 9)));
    assertRefused((o, s) -> o.headLogits(zeros(s, 4, 6), zeros(s, 8, 5), zeros(s, 4, 8)));
  }

  @Test
  void elementwise() {
    assertRefused((o, s) -> o.gelu(zeros(s, 4), zeros(s, 5)));
    assertRefused((o, s) -> o.geluBackward(zeros(s, 4), zeros(s, 4), zeros(s, 5)));
    assertRefused((o, s) -> o.softmax(zeros(s, 4, 2), zeros(s, 4, 3)));
    assertRefused((o, s) -> o.copy(zeros(s, 4), zeros(s, 5)));
    assertRefused((o, s) -> o.cast(zeros(s, 4), zeros(s, 5)));
    assertRefused((o, s) -> o.copy(zeros(s, 4), s.ints(new int[4], 4)));
    assertRefused((o, s) -> o.fill(s.ints(new int[4], 4), 1));
  }
}
