package io.gptjava.cpu;

import io.gptjava.core.BFloat16;
import io.gptjava.core.Philox;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Rounds rows of weights to bf16 by chance; one object per worker, because it owns scratch. */
final class StochasticRows {
  private static final int PER_BLOCK = 8;

  /** 16-bit lanes of a long. */
  private static final int PER_LONG = 4;

  private final VectorPhilox philox = new VectorPhilox();
  private final long[] draws;

  /**
   * @param most elements of a row, a multiple of what {@link VectorPhilox} draws at a time
   */
  StochasticRows(int most) {
    draws = new long[most / PER_LONG];
  }

  /** Chooses the draws. */
  void stream(long seed, long updates) {
    philox.stream(seed, (int) updates, Philox.PURPOSE_STOCHASTIC_ROUNDING, 0);
  }

  /**
   * Rounds elements {@code first} to {@code first + count}.
   *
   * @param from F32
   * @param to BF16
   * @param first a multiple of 8
   */
  void round(MemorySegment from, MemorySegment to, long first, int count) {
    int blocks = draws.length * PER_LONG / PER_BLOCK;
    if (count < blocks * PER_BLOCK) {
      int needed = (count + PER_BLOCK - 1) / PER_BLOCK;
      blocks = (needed + VectorPhilox.BATCH - 1) / VectorPhilox.BATCH * VectorPhilox.BATCH;
    }
    philox.linear(first / PER_BLOCK, blocks, draws, 0);
    for (int i = 0; i < count; i++) {
      int random16 = (int) (draws[i / PER_LONG] >>> 16 * (i % PER_LONG)) & 0xffff;
      float x = from.getAtIndex(ValueLayout.JAVA_FLOAT, first + i);
      to.setAtIndex(ValueLayout.JAVA_SHORT, first + i, BFloat16.roundByChance(x, random16));
    }
  }
}
