package io.gptjava.cli.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ShapeListTest {
  private static final ShapeList.Shape USUAL =
      new ShapeList.Shape(new GptConfig(301, 64, 32, 3, 2, 0.1f, true, false), 5, 48);

  @Test
  void whatIsLeftOpenComesFromTheFlagsOrThePreset() {
    List<ShapeList.Shape> shapes =
        ShapeList.parse(List.of("B=4,T=128,C=48,H=3;t=16", " gpt2-355m, B=2, L=1"), USUAL);
    assertEquals(
        new ShapeList.Shape(new GptConfig(301, 128, 48, 3, 3, 0.1f, true, false), 4, 128),
        shapes.get(0),
        "the context grows with T");
    assertEquals(new ShapeList.Shape(USUAL.model(), 5, 16), shapes.get(1));
    assertEquals(2, shapes.get(2).batch());
    assertEquals(1024, shapes.get(2).sequence());
    assertEquals(1024, shapes.get(2).model().width());
    assertEquals(16, shapes.get(2).model().heads());
    assertEquals(1, shapes.get(2).model().layers());
    assertEquals(3, shapes.size());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "B=4,T=x | 'T=x' is not a whole number",
        "B=0 | 'B=0' is not a whole number from 1",
        "B=4,Q=3 | 'Q=3' has none of the letters B sequences",
        "B=4,B=5 | 'B=5' gives B a second time",
        "gpt3,B=4 | 'gpt3' is no LETTER=NUMBER and no preset (story",
        "B=4,gpt2-124m | 'gpt2-124m' is no LETTER=NUMBER; letters",
        "B=4; | '' is no LETTER=NUMBER",
        "C=33 | 'C=33' is not a multiple of the heads, H=2",
      })
  void errorsNameThePart(String text, String message) {
    GptException e = assertThrows(GptException.class, () -> ShapeList.parse(List.of(text), USUAL));
    assertEquals(Failure.USAGE, e.failure());
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}
