package io.gptjava.core;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Views on memory, and the memory itself. */
final class TensorTest {
  private final HostMemory host = new HostMemory();
  private final Memory memory = host.allocate("test", 1024);

  @AfterEach
  void close() {
    host.close();
  }

  @Test
  void sizes() {
    Tensor tensor = Tensor.of(memory, 64, DType.F32, 2, 3, 4);
    assertEquals(24, tensor.count());
    assertEquals(96, tensor.byteSize());
    assertEquals(6, tensor.rows());
    assertEquals(3, tensor.rank());
    assertEquals(4, tensor.size(-1));
    assertEquals(2, tensor.size(0));
    assertEquals(memory.segment().address() + 64, tensor.address());
    assertEquals("F32[2, 3, 4]", tensor.toString());
    assertEquals(48, Tensor.of(memory, 0, DType.BF16, 24).byteSize());
    assertEquals(1, Tensor.of(memory, 0, DType.F32).count());
  }

  @Test
  void shapeIsACopy() {
    long[] shape = {2, 3};
    Tensor tensor = Tensor.of(memory, 0, DType.F32, shape);
    shape[0] = 9;
    tensor.shape()[1] = 9;
    assertArrayEquals(new long[] {2, 3}, tensor.shape());
  }

  @Test
  void slicesLookAtTheSameBytes() {
    Tensor tensor = Tensor.of(memory, 64, DType.F32, 4, 3);
    Tensor rows = tensor.slice(1, 3);
    rows.segment().setAtIndex(ValueLayout.JAVA_FLOAT, 0, 7);
    assertEquals(7, tensor.segment().getAtIndex(ValueLayout.JAVA_FLOAT, 3));
    assertArrayEquals(new long[] {2, 3}, rows.shape());
    assertEquals(0, tensor.slice(4, 4).count());
    assertThrows(IndexOutOfBoundsException.class, () -> tensor.slice(3, 5));
    assertThrows(IndexOutOfBoundsException.class, () -> tensor.slice(-1, 1));
    assertThrows(IndexOutOfBoundsException.class, () -> tensor.slice(2, 1));
  }

  @Test
  void reshapeKeepsTheCount() {
    Tensor tensor = Tensor.of(memory, 0, DType.F32, 4, 3);
    assertArrayEquals(new long[] {2, 6}, tensor.reshape(2, 6).shape());
    assertThrows(IllegalArgumentException.class, () -> tensor.reshape(2, 5));
    assertArrayEquals(new long[] {2, 2}, tensor.prefix(2, 2).shape());
  }

  @Test
  void refusesWhatDoesNotFit() {
    assertEquals(256, Tensor.of(memory, 0, DType.F32, 256).count());
    assertThrows(IllegalArgumentException.class, () -> Tensor.of(memory, 4, DType.F32, 256));
    assertThrows(IllegalArgumentException.class, () -> Tensor.of(memory, -4, DType.F32, 1));
    assertThrows(IllegalArgumentException.class, () -> Tensor.of(memory, 0, DType.F32, -1));
    assertThrows(
        ArithmeticException.class, () -> Tensor.of(memory, 0, DType.F32, 1L << 40, 1L << 40));
  }

  @Test
  void deviceMemoryIsNotTouched() {
    Memory device = new Memory("device", MemorySegment.ofAddress(4096), false);
    Tensor tensor = Tensor.of(device, 0, DType.F32, 0);
    assertEquals(4096, tensor.address());
    assertThrows(IllegalStateException.class, tensor::segment);
  }

  @Test
  void hostMemoryIsAlignedAndZeroed() {
    for (long size : new long[] {0, 1, 100, 3 << 20}) {
      MemorySegment segment = host.allocate("test", size).segment();
      assertTrue(segment.byteSize() >= size);
      assertEquals(0, segment.address() % HostMemory.ALIGNMENT);
      assertEquals(-1, segment.mismatch(MemorySegment.ofArray(new byte[(int) segment.byteSize()])));
    }
  }

  @Test
  void tooMuchHostMemoryIsACapacityError() {
    GptException e = assertThrows(GptException.class, () -> host.allocate("activations", 1L << 60));
    assertEquals(Failure.CAPACITY, e.failure());
    assertTrue(e.getMessage().contains("activations") && e.getMessage().contains("--batch-size"));
  }

  @Test
  void transfersNeedEqualSizes() {
    Tensor tensor = Tensor.of(memory, 0, DType.F32, 3);
    HostMemory.upload(MemorySegment.ofArray(new float[] {1, 2, 3}), tensor);
    float[] back = new float[3];
    HostMemory.download(tensor, MemorySegment.ofArray(back));
    assertArrayEquals(new float[] {1, 2, 3}, back);
    MemorySegment four = MemorySegment.ofArray(new float[4]);
    assertThrows(IllegalArgumentException.class, () -> HostMemory.upload(four, tensor));
    assertThrows(IllegalArgumentException.class, () -> HostMemory.download(tensor, four));
  }
}
