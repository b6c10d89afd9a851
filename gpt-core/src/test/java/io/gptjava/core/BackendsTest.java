package io.gptjava.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** Looking up backends with the reference alone on the class path. */
final class BackendsTest {
  @Test
  void referenceIsFoundByName() {
    try (Backend backend = Backends.open("reference", BackendOptions.DEFAULT)) {
      assertEquals("reference", backend.name());
    }
  }

  @Test
  void autoNeverPicksTheReference() {
    GptException e =
        assertThrows(
            GptException.class, () -> Backends.open("auto", BackendOptions.DEFAULT).close());
    assertEquals(Failure.DEVICE, e.failure());
  }

  @Test
  void unknownNameListsTheKnown() {
    GptException e =
        assertThrows(
            GptException.class, () -> Backends.open("abacus", BackendOptions.DEFAULT).close());
    assertEquals(Failure.USAGE, e.failure());
    assertTrue(e.getMessage().contains("abacus") && e.getMessage().contains("reference"));
  }
}
