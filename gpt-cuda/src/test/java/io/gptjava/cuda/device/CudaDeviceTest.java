package io.gptjava.cuda.device;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gptjava.core.Failure;
import io.gptjava.cuda.CudaUnderTest;
import io.gptjava.cuda.ffi.CudaException;
import io.gptjava.cuda.ffi.DeviceAttribute;
import io.gptjava.cuda.ffi.DriverApi;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Context, memory, streams and events. */
final class CudaDeviceTest {
  private static final int COUNT = 1000;
  private static final long BYTES = COUNT * 4L;

  private CudaDevice device;

  @BeforeEach
  void open() {
    device = CudaDevice.open(CudaUnderTest.options());
  }

  @AfterEach
  void close() {
    if (device != null) {
      device.close();
    }
  }

  @Test
  void saysWhatItIs() {
    assertTrue(device.computeCapability() >= 80, device.toString());
    assertTrue(device.multiprocessors() > 0);
    assertTrue(device.maxSharedMemoryPerBlock() >= 96 << 10);
    assertEquals(
        device.computeCapability() / 10,
        device.attribute(DeviceAttribute.COMPUTE_CAPABILITY_MAJOR));
    assertTrue(device.toString().startsWith(device.name()));
    DriverApi.MemoryInfo memory = device.memory();
    assertTrue(memory.free() > 0 && memory.free() <= memory.total(), memory.toString());
  }

  @Test
  void bytesTravelThereAndBackOnTwoStreams() {
    try (DeviceMemory memory = device.allocate("numbers", 2 * BYTES);
        PinnedMemory host = device.allocatePinned("host", BYTES);
        PinnedMemory back = device.allocatePinned("back", BYTES);
        Stream other = device.newStream("copies");
        Event copied = device.newEvent("copied", false)) {
      for (int i = 0; i < COUNT; i++) {
        host.segment().setAtIndex(JAVA_INT, i, 3 * i);
      }
      other.upload(host.segment(), memory.address());
      other.record(copied);
      device.stream().waitFor(copied);
      device.stream().copy(memory.address(), memory.address() + BYTES, BYTES);
      device.stream().zero(memory.address() + BYTES, 4);
      device.stream().fillWords(memory.address() + BYTES + 4, 7, 2);
      device.stream().download(memory.address() + BYTES, back.segment());
      device.stream().synchronize();
      assertTrue(device.stream().done() && copied.done());
      int[] expected = new int[COUNT];
      Arrays.setAll(expected, i -> i == 0 ? 0 : i < 3 ? 7 : 3 * i);
      assertArrayEquals(expected, back.segment().toArray(JAVA_INT));
    }
  }

  @Test
  void eventsTime() {
    try (DeviceMemory memory = device.allocate("numbers", BYTES);
        Event start = device.newEvent("start", true);
        Event end = device.newEvent("end", true)) {
      device.stream().record(start);
      device.stream().zero(memory.address(), BYTES);
      device.stream().record(end);
      end.synchronize();
      float milliseconds = end.millisecondsSince(start);
      assertTrue(milliseconds >= 0 && milliseconds < 60_000, "took " + milliseconds + " ms");
    }
  }

  @Test
  void addressesAreGivenBack() {
    long address = device.allocate(BYTES);
    assertEquals(0, address % 64);
    device.free(address);
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> device.free(address));
    assertTrue(e.getMessage().contains(Long.toHexString(address)), e.getMessage());
  }

  @Test
  void tooMuchMemorySaysHowMuchThereIs() {
    CudaException e =
        assertThrows(CudaException.class, () -> device.allocate("activations", 1L << 46));
    assertEquals(Failure.CAPACITY, e.failure());
    assertEquals("CUDA_ERROR_OUT_OF_MEMORY", e.code());
    assertTrue(e.getMessage().contains("67,108,864 MiB for activations"), e.getMessage());
    assertTrue(e.getMessage().contains("MiB free"), e.getMessage());
    assertTrue(e.hint().contains("--batch-size"), e.getMessage());
    assertDoesNotThrow(() -> device.allocate("little", BYTES).close());
  }

  @Test
  void whatIsLeftOpenIsNamedAndClosed() {
    CudaDevice careless = CudaDevice.open(CudaUnderTest.options());
    DeviceMemory memory = careless.allocate("activations", 4096);
    careless.newStream("upload");
    careless.newEvent("uploaded", false);
    careless.allocatePinned("tokens", 64);
    IllegalStateException e = assertThrows(IllegalStateException.class, careless::close);
    for (String left :
        new String[] {
          "device memory \"activations\" of 4,096 bytes",
          "stream \"upload\"",
          "event \"uploaded\"",
          "pinned memory \"tokens\" of 64 bytes"
        }) {
      assertTrue(e.getMessage().contains(left), e.getMessage());
    }
    assertThrows(IllegalStateException.class, memory::address);
    assertDoesNotThrow(careless::close);
  }

  @Test
  void closedThingsAreNotUsed() {
    PinnedMemory pinned = device.allocatePinned("tokens", 64);
    var segment = pinned.segment();
    pinned.close();
    pinned.close();
    assertThrows(IllegalStateException.class, () -> segment.get(JAVA_INT, 0));
    assertThrows(IllegalStateException.class, pinned::segment);
    Stream stream = device.newStream("gone");
    stream.close();
    IllegalStateException e = assertThrows(IllegalStateException.class, stream::synchronize);
    assertEquals("stream \"gone\" is closed", e.getMessage());
  }

  @Test
  void anotherThreadMayUseIt() throws InterruptedException {
    Thread thread =
        Thread.ofPlatform()
            .start(
                () -> {
                  try (DeviceMemory memory = device.allocate("elsewhere", BYTES)) {
                    device.stream().zero(memory.address(), BYTES);
                    device.synchronize();
                  }
                });
    thread.join();
    try (DeviceMemory memory = device.allocate("here again", BYTES)) {
      device.stream().zero(memory.address(), BYTES);
      device.stream().synchronize();
      assertTrue(device.stream().done());
    }
  }

  @Test
  void noSuchDevice() {
    CudaException e =
        assertThrows(
            CudaException.class, () -> CudaDevice.open(CudaUnderTest.options().withDevice(99)));
    assertEquals(Failure.DEVICE, e.failure());
    assertEquals("CUDA_ERROR_INVALID_DEVICE", e.code());
    assertTrue(e.hint().contains("--device"), e.getMessage());
  }
}
