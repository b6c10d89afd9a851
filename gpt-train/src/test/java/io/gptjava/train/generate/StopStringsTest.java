package io.gptjava.train.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StopStringsTest {
  @Test
  void textIsCutBeforeTheFirstStringHoweverItArrives() {
    Random random = new Random(4);
    for (int i = 0; i < 3000; i++) {
      String text = letters(random, 12);
      List<String> stops = List.of(letters(random, 3) + "a", letters(random, 2) + "b");
      StopStrings filter = new StopStrings(stops);
      StringBuilder out = new StringBuilder();
      for (int at = 0, to; at < text.length(); at = to) {
        to = Math.min(text.length(), at + 1 + random.nextInt(3));
        out.append(filter.accept(text.substring(at, to)));
        assertEquals(true, text.startsWith(out.toString()));
        if (filter.found().isPresent()) {
          break;
        }
      }
      out.append(filter.finish());
      // Pieces can end in the middle of the longer of two strings; what is before it is the same.
      int first =
          stops.stream().mapToInt(text::indexOf).filter(at -> at >= 0).min().orElse(text.length());
      String expected = text.substring(0, first);
      if (filter.found().isEmpty()) {
        assertEquals(expected, out.toString());
        assertEquals(text, out.toString());
      } else {
        int end = text.indexOf(filter.found().get());
        assertEquals(text.substring(0, end), out.toString());
        assertEquals(true, first <= end && end - first < 4, text + " " + stops);
      }
    }
  }

  private static String letters(Random random, int length) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append((char) ('a' + random.nextInt(2)));
    }
    return text.toString();
  }

  @Test
  void onlyWhatMayStillStopIsHeldBack() {
    StopStrings filter = new StopStrings(List.of("\n\n", "END"));
    assertEquals("One", filter.accept("One\n"));
    assertEquals("\nTwo ", filter.accept("Two EN"));
    assertEquals("", filter.accept("D and more"));
    assertEquals(Optional.of("END"), filter.found());
    assertEquals("", filter.accept("ignored"));
    assertEquals("", filter.finish());
    StopStrings open = new StopStrings(List.of("END"));
    assertEquals("", open.accept("E"));
    assertEquals("E", open.finish());
    assertThrows(IllegalArgumentException.class, () -> new StopStrings(List.of("")));
  }
}
