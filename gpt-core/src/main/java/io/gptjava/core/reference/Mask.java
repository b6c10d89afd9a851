package io.gptjava.core.reference;

import io.gptjava.core.Dropout;
import io.gptjava.core.DropoutLayout;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Philox;

/**
 * The factors of one dropout site in the current step: 0 where dropped, 1 / (1 − p) where kept. One
 * Philox block is remembered, since neighbours share it.
 */
final class Mask {
  private final Dropout dropout;
  private final long seed;
  private final int step;
  private final int firstSample;
  private final int[] words = new int[4];
  private long block = -1;

  Mask(Dropout dropout, HostStepControl control) {
    this.dropout = dropout;
    this.seed = control.inputs().seed();
    this.step = control.inputs().step();
    this.firstSample = control.firstSample();
  }

  /**
   * Factor of an activation's element.
   *
   * @param row row in the micro-batch, {@code b·T + t}
   * @param rowsPerSample T
   */
  double row(long row, int rowsPerSample, long column, long width) {
    if (!dropout.active()) {
      return 1;
    }
    long element = ((long) firstSample * rowsPerSample + row) * width + column;
    return factor(DropoutLayout.rowBlock(element), DropoutLayout.rowLane(element));
  }

  /**
   * Factor of an attention weight.
   *
   * @param sample sample in the micro-batch
   * @param head head in [0, heads)
   * @param i query
   * @param j key
   */
  double attention(int sample, int head, int heads, int sequence, int i, int j) {
    if (!dropout.active()) {
      return 1;
    }
    long globalHead = ((long) firstSample + sample) * heads + head;
    return factor(
        DropoutLayout.attentionBlock(globalHead, sequence, i, j),
        DropoutLayout.attentionLane(i, j));
  }

  private double factor(long newBlock, int lane) {
    if (newBlock != block) {
      block = newBlock;
      Philox.block(seed, block, step, dropout.purpose(), dropout.site(), words, 0);
    }
    return DropoutLayout.lane(words, 0, lane) >= dropout.threshold() ? dropout.scale() : 0;
  }
}
