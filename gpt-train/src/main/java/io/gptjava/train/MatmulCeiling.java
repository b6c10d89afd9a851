package io.gptjava.train;

import io.gptjava.core.Backend;
import io.gptjava.train.model.GptModel;

/**
 * The rate that a backend reaches in the largest matrix product of a model's blocks, at the size
 * and on the numbers of its last micro-batch: what the whole step could approach at best. {@code
 * gpt bench train} measures all products, and on a GPU a large one.
 */
final class MatmulCeiling {
  private static final int SAMPLES = 5;

  /** A sample takes at least so long, in nanoseconds. */
  private static final long SAMPLE = 10_000_000;

  private MatmulCeiling() {}

  /**
   * Measures it in about a tenth of a second, or a few products where one takes longer. Overwrites
   * activations, nothing else.
   *
   * @return FLOP/s of the fastest sample
   */
  static double measure(Backend backend, GptModel model) {
    double best = 0;
    int calls = 1;
    for (int sample = 0; sample <= SAMPLES; sample++) {
      long begin = System.nanoTime();
      for (int call = 0; call < calls; call++) {
        model.largestProduct();
      }
      backend.synchronize();
      long nanos = Math.max(1, System.nanoTime() - begin);
      if (sample > 0) {
        best = Math.max(best, calls * model.largestProductFlops() / (nanos * 1e-9));
      }
      calls = Math.clamp(calls * SAMPLE / nanos, 1, 1000);
    }
    return best;
  }
}
