package io.gptjava.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class TimingTest {
  @Test
  void summarisesUnsortedTimings() {
    Timing four = Timing.of(List.of(9.0, 1.0, 3.0, 2.0));
    assertEquals(List.of(1.0, 2.0, 3.0, 9.0), four.sorted());
    assertEquals(4, four.count());
    assertEquals(1, four.min());
    assertEquals(2.5, four.median());
    assertEquals(9, four.p95());
    assertEquals(9, four.max());
    assertEquals(7, Timing.of(List.of(7.0)).median());
    assertThrows(IllegalArgumentException.class, () -> Timing.of(List.of()));
  }

  @Test
  void p95IsTheNearestRank() {
    List<Double> hundred = IntStream.rangeClosed(1, 100).mapToObj(i -> (double) i).toList();
    assertEquals(95, Timing.of(hundred).p95());
    assertEquals(50.5, Timing.of(hundred).median());
  }

  @Test
  void stableOnceTimesNoLongerFall() {
    assertFalse(Timing.stable(List.of(5.0, 5.0, 5.0, 5.0, 5.0)));
    assertFalse(Timing.stable(List.of(9.0, 8.0, 7.0, 6.0, 5.0, 4.0)));
    assertTrue(Timing.stable(List.of(9.0, 4.0, 4.0, 4.0, 3.99, 4.0)));
  }
}
