package io.gptjava.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gptjava.core.DType;
import io.gptjava.core.Memory;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.DeviceMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Copies of all lengths around the slots' number and size. */
final class HostCopiesTest {
  private static final int MIB = 1 << 20;

  @SuppressWarnings("restricted") // an address in device memory, which nobody dereferences
  private static Tensor bytes(DeviceMemory memory) {
    MemorySegment segment = MemorySegment.ofAddress(memory.address()).reinterpret(memory.bytes());
    return Tensor.of(new Memory("test", segment, false), 0, DType.U8, memory.bytes());
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        1,
        64,
        MIB - 1,
        MIB,
        MIB + 1,
        2 * MIB,
        3 * MIB,
        4 * MIB - 7,
        4 * MIB,
        4 * MIB + 1,
        9 * MIB + 3
      })
  void comesBackAsItWent(int count) {
    byte[] sent = new byte[count];
    new Random(count).nextBytes(sent);
    try (CudaDevice device = CudaDevice.open(CudaUnderTest.options());
        HostCopies copies = new HostCopies(device);
        DeviceMemory memory = device.allocate("test", count);
        Arena arena = Arena.ofConfined()) {
      for (int turn = 0; turn < 3; turn++) { // slots begin elsewhere each time
        MemorySegment source = MemorySegment.ofArray(sent.clone());
        copies.upload(source, bytes(memory));
        source.fill((byte) 0); // it is ours again
        MemorySegment received = arena.allocate(count);
        copies.download(bytes(memory), received);
        assertEquals(-1, received.mismatch(MemorySegment.ofArray(sent)));
        sent[count / 2]++;
      }
    }
  }

  @Test
  void sizesMustAgree() {
    try (CudaDevice device = CudaDevice.open(CudaUnderTest.options());
        HostCopies copies = new HostCopies(device);
        DeviceMemory memory = device.allocate("test", 8)) {
      MemorySegment seven = MemorySegment.ofArray(new byte[7]);
      assertThrows(IllegalArgumentException.class, () -> copies.upload(seven, bytes(memory)));
      assertThrows(IllegalArgumentException.class, () -> copies.download(bytes(memory), seven));
    }
  }
}
