package io.gptjava.train.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import org.junit.jupiter.api.function.Executable;

/** Checks of errors that users see. */
final class Errors {
  private Errors() {}

  static String expect(Failure failure, Executable action, String... parts) {
    GptException e = assertThrows(GptException.class, action);
    assertEquals(failure, e.failure(), e.getMessage());
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
    assertTrue(e.getMessage().lines().count() <= 3, e.getMessage());
    return e.getMessage();
  }
}
