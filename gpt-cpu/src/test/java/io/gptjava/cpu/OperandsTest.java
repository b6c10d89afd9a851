package io.gptjava.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.DType;
import io.gptjava.core.Memory;
import io.gptjava.core.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** Memory that vectors must not touch is refused before any op begins. */
class OperandsTest {
  private static Tensor tensor(MemorySegment segment) {
    return Tensor.of(new Memory("test", segment, true), 0, DType.F32, 2, 4);
  }

  @Test
  void memoryThatIsThereIsHandedOut() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(32, 64);
      assertEquals(segment, Operands.floats("x", tensor(segment), 2, 4));
    }
  }

  @Test
  void freedMemoryIsRefused() {
    Tensor freed;
    try (Arena arena = Arena.ofConfined()) {
      freed = tensor(arena.allocate(32, 64));
    }
    IllegalStateException e =
        assertThrows(IllegalStateException.class, () -> Operands.floats("x", freed, 8));
    assertTrue(e.getMessage().startsWith("x has been freed"), e.getMessage());
  }

  @Test
  void memoryOnTheHeapIsRefused() {
    Tensor heap = tensor(MemorySegment.ofArray(new float[8]));
    assertThrows(IllegalArgumentException.class, () -> Operands.floats("x", heap, 2, 4));
    assertThrows(IllegalArgumentException.class, () -> Operands.memory("workspace", heap));
  }
}
