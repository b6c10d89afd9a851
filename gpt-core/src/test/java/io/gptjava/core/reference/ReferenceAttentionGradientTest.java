package io.gptjava.core.reference;

import static io.gptjava.core.contract.Data.doubles;
import static io.gptjava.core.reference.GradientCheck.assertClose;
import static io.gptjava.core.reference.GradientCheck.assertGradient;

import io.gptjava.core.Backend;
import io.gptjava.core.Dropout;
import io.gptjava.core.Philox;
import io.gptjava.core.Tensor;
import io.gptjava.core.contract.Data;
import io.gptjava.core.contract.OpContract;
import io.gptjava.core.contract.Stage;
import io.gptjava.core.reference.Formulas.Heads;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Attention against formulas and central differences; positions cross a dropout tile. */
final class ReferenceAttentionGradientTest extends OpContract {
  private static final Heads Z = new Heads(2, 19, 2, 3);
  private static final Dropout DROPOUT = Dropout.of(0.3f, Philox.PURPOSE_ATTENTION_DROPOUT, 2);

  private final float[] qkv = new Data(21).normal((long) Z.b() * Z.t() * 3 * Z.c());
  private final float[] dOut = new Data(22).normal((long) Z.b() * Z.t() * Z.c());

  @Override
  protected Backend open() {
    return new ReferenceBackend();
  }

  @Test
  void plain() {
    check(null, Dropout.NONE);
  }

  @Test
  void withDropout() {
    check(null, DROPOUT);
  }

  @Test
  void withDocumentsAndPadding() {
    check(firstVisible(), Dropout.NONE);
  }

  @Test
  void withDocumentsAndDropout() {
    check(firstVisible(), DROPOUT);
  }

  /** Sample 0: documents from 0, 4 and 18 on; sample 1: the first six positions are padding. */
  private static int[] firstVisible() {
    int[] first = new int[Z.b() * Z.t()];
    for (int i = 0; i < Z.t(); i++) {
      first[i] = i < 4 ? 0 : i < 18 ? 4 : 18;
      first[Z.t() + i] = Math.min(i, 6);
    }
    return first;
  }

  private void check(int[] first, Dropout dropout) {
    double[] mask = Formulas.attentionMask(dropout, STEP, FIRST_SAMPLE, Z);
    Consumer<Stage> forward =
        s ->
            s.ops()
                .attention(
                    s.floats(qkv, Z.b(), Z.t(), 3L * Z.c()),
                    s.intsOrNull(first, Z.b(), Z.t()),
                    Z.heads(),
                    dropout,
                    s.output("out", Z.b(), Z.t(), Z.c()),
                    s.output("logSumExp", Z.b(), Z.heads(), Z.t()));
    float[] out = reference("out", forward);
    float[] logSumExp = reference("logSumExp", forward);
    assertClose("out", Formulas.attention(doubles(qkv), first, Z, mask), out);
    assertClose("logSumExp", Formulas.logSumExp(doubles(qkv), first, Z), logSumExp);
    Consumer<Stage> backward =
        s ->
            s.ops()
                .attentionBackward(
                    s.floats(dOut, Z.b(), Z.t(), Z.c()),
                    s.floats(qkv, Z.b(), Z.t(), 3L * Z.c()),
                    s.floats(out, Z.b(), Z.t(), Z.c()),
                    s.floats(logSumExp, Z.b(), Z.heads(), Z.t()),
                    s.intsOrNull(first, Z.b(), Z.t()),
                    Z.heads(),
                    dropout,
                    s.output("dQkv", Z.b(), Z.t(), 3L * Z.c()),
                    s.workspace(0));
    assertGradient(
        "dQkv",
        doubles(qkv),
        dOut,
        v -> Formulas.attention(v, first, Z, mask),
        reference("dQkv", backward));
  }

  /** Position by position over a cache gives what all positions at once give. */
  @Test
  void cachedAttentionEqualsAttention() {
    Heads one = new Heads(1, 19, 2, 3);
    float[] all = new Data(23).normal(19 * 3 * one.c());
    double[] mask = Formulas.attentionMask(Dropout.NONE, STEP, 0, one);
    double[] expected = Formulas.attention(doubles(all), null, one, mask);
    float[] cache = new float[2 * 21 * 3];
    int prompt = 5;
    Consumer<Stage> generate =
        s -> {
          Tensor qkv = s.floats(all, 1, 19, 3L * one.c());
          Tensor out = s.output("out", 1, 19, one.c());
          Tensor keys = s.inOut("keys", cache, 1, 2, 21, 3);
          Tensor values = s.inOut("values", cache, 1, 2, 21, 3);
          for (int t = 0; t < 19; t = t == 0 ? prompt : t + 1) {
            int end = t == 0 ? prompt : t + 1;
            Tensor part = qkv.reshape(19, 3L * one.c()).slice(t, end);
            Tensor result = out.reshape(19, one.c()).slice(t, end);
            s.ops()
                .cachedAttention(
                    part.reshape(1, end - t, 3L * one.c()),
                    keys,
                    values,
                    t,
                    result.reshape(1, end - t, one.c()));
          }
        };
    assertClose("out", expected, reference("out", generate));
  }
}
