package io.gptjava.train.model;

import io.gptjava.core.GptConfig;
import io.gptjava.core.Tensor;
import java.lang.foreign.ValueLayout;

/** {@link Float64Gpt} for tests of other packages. */
public final class Float64GptAccess {
  private Float64GptAccess() {}

  /** Logits (V) after the last of {@code ids}, dropout off. */
  public static double[] lastLogits(GptConfig config, Tensor weights, int[] ids) {
    double[] w = new double[(int) weights.count()];
    for (int i = 0; i < w.length; i++) {
      w[i] = weights.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }
    return new Float64Gpt(config, 0).logits(w, ids, 0, ids.length, 0, 0)[ids.length - 1];
  }
}
