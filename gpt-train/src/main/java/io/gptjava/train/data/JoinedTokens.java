package io.gptjava.train.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Several token sources, one after the other; owns them. */
public final class JoinedTokens implements TokenSource {
  private final List<TokenSource> parts;
  private final long[] ends;

  /** Joins the parts in this order. */
  public JoinedTokens(List<? extends TokenSource> parts) {
    this.parts = List.copyOf(parts);
    this.ends = new long[parts.size()];
    long end = 0;
    for (int i = 0; i < ends.length; i++) {
      end += parts.get(i).size();
      ends[i] = end;
    }
  }

  @Override
  public long size() {
    return ends.length == 0 ? 0 : ends[ends.length - 1];
  }

  @Override
  public void copy(long from, int[] target, int at, int count) {
    if (from < 0 || from + count > size()) {
      throw new IndexOutOfBoundsException("[" + from + ", " + (from + count) + ") of " + size());
    }
    int found = Arrays.binarySearch(ends, from);
    // A part that ends at the place does not hold it; empty parts may end there as well.
    int part = found >= 0 ? found + 1 : -found - 1;
    for (int left = count; left > 0; part++) {
      TokenSource source = parts.get(part);
      long begin = from + (count - left) - (ends[part] - source.size());
      int here = (int) Math.min(left, Math.max(0, source.size() - begin));
      if (here > 0) {
        source.copy(begin, target, at + count - left, here);
        left -= here;
      }
    }
  }

  @Override
  public String place(long from, long to) {
    List<String> places = new ArrayList<>();
    for (int part = 0; part < ends.length; part++) {
      long begin = ends[part] - parts.get(part).size();
      long first = Math.max(from, begin);
      long last = Math.min(to, ends[part]);
      if (first < last) {
        places.add(parts.get(part).place(first - begin, last - begin));
      }
    }
    return String.join(" and ", places);
  }

  @Override
  public void close() {
    parts.forEach(TokenSource::close);
  }
}
