package io.gptjava.train.data;

import java.util.Arrays;

/**
 * Windows of several data sets mixed by weight. An epoch has as many windows as all data sets
 * together; each contributes its share to within one window, in places that depend on seed and
 * epoch. A data set's windows are used in orders of its own, one pass after the other, so that none
 * is used twice before all were used once. Everything is a function of seed, epoch and place.
 */
final class WindowMixture {
  private final long[] windows; // of each data set
  private final long[] shareEnds; // places of an epoch, summed up
  private final long seed;
  private final EpochOrders places;

  /**
   * A mixture.
   *
   * @param windows of each data set, at least one
   * @param weights of each data set, positive, of any sum
   */
  WindowMixture(long[] windows, double[] weights, long seed) {
    this.windows = windows.clone();
    this.seed = seed;
    double sum = Arrays.stream(weights).sum();
    long total = Arrays.stream(windows).sum();
    shareEnds = new long[windows.length];
    double weight = 0;
    for (int i = 0; i < windows.length; i++) {
      weight += weights[i];
      shareEnds[i] = i + 1 == windows.length ? total : Math.round(weight / sum * total);
    }
    places = new EpochOrders(seed, total);
  }

  /** Number of windows in an epoch. */
  long size() {
    return shareEnds[shareEnds.length - 1];
  }

  /** Places of an epoch that a data set fills. */
  long share(int part) {
    return shareEnds[part] - (part == 0 ? 0 : shareEnds[part - 1]);
  }

  /**
   * The window at a place of an epoch.
   *
   * @param at receives the data set and the window's number in it
   */
  void at(int epoch, long place, long[] at) {
    long slot = places.of(epoch).at(place);
    int part = 0;
    while (slot >= shareEnds[part]) {
      part++;
    }
    long share = share(part);
    long used = epoch * share + slot - (shareEnds[part] - share);
    int pass = Math.toIntExact(used / windows[part]);
    // Without a table, since a small data set goes through many passes in an epoch.
    EpochOrder order = new EpochOrder(seed(part), pass, windows[part], 0);
    at[0] = part;
    at[1] = order.at(used % windows[part]);
  }

  /** A key of its own for each data set. */
  private long seed(int part) {
    return seed ^ (part + 1) * 0x9E3779B97F4A7C15L;
  }
}
