package io.gptjava.train.data;

/** Each epoch's {@link EpochOrder}, the last one used kept. May be read by several threads. */
final class EpochOrders {
  private final long seed;
  private final long size;
  private volatile EpochOrder last;

  /**
   * Orders of {@code size} elements.
   *
   * @param seed of all epochs
   */
  EpochOrders(long seed, long size) {
    this.seed = seed;
    this.size = size;
  }

  /** The order of an epoch. */
  EpochOrder of(int epoch) {
    EpochOrder order = last;
    if (order == null || order.epoch() != epoch) {
      order = new EpochOrder(seed, epoch, size);
      last = order;
    }
    return order;
  }
}
